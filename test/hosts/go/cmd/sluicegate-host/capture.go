package main

import (
	"bufio"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash"
	"io"
	"os"

	"sluicegate.io/hosts/go/sluicegate"
)

// Classic captures (draft-ietf-opsawg-pcap) of Ethernet frames: read with microseconds or nanoseconds in either byte order, written with nanoseconds,
// little-endian.

const (
	headerSize = 24
	recordSize = 16

	microsecondMagic = 0xa1b2c3d4
	nanosecondMagic  = 0xa1b23c4d
	ethernet         = 1
	// The upper six bits of the link type tell of a frame check sequence.
	linkTypeMask = 0x03ff_ffff
	// Largest frame that a capture may hold; libpcap's limit.
	maxCaptured = 262_144
	second      = 1_000_000_000
)

// readCapture has all frames of a capture, without hooks.
func readCapture(file string) ([]sluicegate.Frame, error) {
	data, err := readFile(file)
	if err != nil {
		return nil, err
	}
	fail := func(at int, format string, args ...any) ([]sluicegate.Frame, error) {
		return nil, fmt.Errorf("%s: byte %d: %s", file, at, fmt.Sprintf(format, args...))
	}
	if len(data) < headerSize {
		return fail(0, "%d bytes are left, expected the %d of a pcap header", len(data), headerSize)
	}
	order, unit := variant(data)
	if order == nil {
		return fail(0, "magic is %x, expected d4c3b2a1, a1b2c3d4, 4d3cb2a1 or a1b23c4d: classic pcap", data[:4])
	}
	if major, minor := order.Uint16(data[4:]), order.Uint16(data[6:]); major != 2 || minor != 4 {
		return fail(4, "version is %d.%d, expected 2.4", major, minor)
	}
	if linkType := order.Uint32(data[20:]) & linkTypeMask; linkType != ethernet {
		return fail(20, "link type is %d, expected %d: Ethernet", linkType, ethernet)
	}
	var frames []sluicegate.Frame
	for at := headerSize; at < len(data); {
		number := len(frames) + 1
		if left := len(data) - at; left < recordSize {
			return fail(at, "frame %d: %d bytes are left, expected the %d of a record header", number, left, recordSize)
		}
		record := data[at : at+recordSize]
		captured := order.Uint32(record[8:])
		if captured > maxCaptured {
			return fail(at+8, "frame %d: captured length is %d, expected at most %d", number, captured, maxCaptured)
		}
		from := at + recordSize
		if left := len(data) - from; int(captured) > left {
			return fail(from, "frame %d: %d bytes are left, expected the %d of the frame", number, left, captured)
		}
		frames = append(frames, sluicegate.Frame{
			Bytes: data[from : from+int(captured)],
			Wire:  max(order.Uint32(record[12:]), captured),
			Time:  uint64(order.Uint32(record))*second + uint64(order.Uint32(record[4:]))*unit,
		})
		at = from + int(captured)
	}
	return frames, nil
}

// variant tells byte order and nanoseconds per unit by the magic.
func variant(data []byte) (binary.ByteOrder, uint64) {
	for _, order := range []binary.ByteOrder{binary.LittleEndian, binary.BigEndian} {
		switch order.Uint32(data) {
		case microsecondMagic:
			return order, 1000
		case nanosecondMagic:
			return order, 1
		}
	}
	return nil, 0
}

// captureWriter writes a capture, or, without a file, only its SHA-256.
type captureWriter struct {
	name   string
	file   *os.File
	buffer *bufio.Writer
	hash   hash.Hash
}

func newCaptureWriter(name string) (*captureWriter, error) {
	w := &captureWriter{name: name, hash: sha256.New()}
	var to io.Writer = w.hash
	if name != "" {
		file, err := os.Create(name)
		if err != nil {
			return nil, unwritable(name, err)
		}
		w.file, to = file, io.MultiWriter(file, w.hash)
	}
	w.buffer = bufio.NewWriterSize(to, 1<<20)
	var header [headerSize]byte
	binary.LittleEndian.PutUint32(header[:], nanosecondMagic)
	binary.LittleEndian.PutUint16(header[4:], 2)
	binary.LittleEndian.PutUint16(header[6:], 4)
	binary.LittleEndian.PutUint32(header[16:], maxCaptured)
	binary.LittleEndian.PutUint32(header[20:], ethernet)
	return w, w.put(header[:])
}

func (w *captureWriter) write(frame []byte, wire uint32, time uint64) error {
	var record [recordSize]byte
	binary.LittleEndian.PutUint32(record[:], uint32(time/second))
	binary.LittleEndian.PutUint32(record[4:], uint32(time%second))
	binary.LittleEndian.PutUint32(record[8:], uint32(len(frame)))
	binary.LittleEndian.PutUint32(record[12:], wire)
	if err := w.put(record[:]); err != nil {
		return err
	}
	return w.put(frame)
}

// close has the SHA-256 of the file.
func (w *captureWriter) close() (string, error) {
	if err := w.buffer.Flush(); err != nil {
		return "", unwritable(w.name, err)
	}
	if w.file != nil {
		if err := w.file.Close(); err != nil {
			return "", unwritable(w.name, err)
		}
	}
	return fmt.Sprintf("%x", w.hash.Sum(nil)), nil
}

func (w *captureWriter) put(bytes []byte) error {
	if _, err := w.buffer.Write(bytes); err != nil {
		return unwritable(w.name, err)
	}
	return nil
}
