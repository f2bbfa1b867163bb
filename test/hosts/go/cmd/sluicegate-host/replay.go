package main

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"net/netip"
	"os"
	"runtime"
	"runtime/debug"
	"slices"

	"sluicegate.io/hosts/go/sluicegate"
)

type replayOptions struct {
	engine, policy, about, capture, out string
	interpreter                         bool
	rounds                              int
}

// report is the line that replay prints.
type report struct {
	Host            string         `json:"host"`
	Runtime         string         `json:"runtime"`
	Frames          int            `json:"frames"`
	Given           int            `json:"given"`
	Skipped         int            `json:"skipped"`
	Actions         map[string]int `json:"actions"`
	Reasons         map[string]int `json:"reasons"`
	Errors          int            `json:"errors"`
	Written         int            `json:"written"`
	Sha256          string         `json:"sha256"`
	Rounds          int            `json:"rounds"`
	FramesPerSecond int            `json:"framesPerSecond"`
}

func replay(o replayOptions) error {
	policy, err := sluicegate.ReadPolicy(o.policy, o.about)
	if err != nil {
		return err
	}
	captured, err := readCapture(o.capture)
	if err != nil {
		return err
	}
	module, err := sluicegate.ReadModule(o.engine, o.interpreter)
	if err != nil {
		return err
	}
	var first report
	var rates []float64
	for round := range o.rounds {
		out := ""
		if round == 0 {
			out = o.out
		}
		result, seconds, err := replayOnce(module, policy, captured, out)
		if err != nil {
			return err
		}
		if round == 0 {
			first = result
		}
		if result.Sha256 != first.Sha256 {
			return fmt.Errorf("round %d: SHA-256 is %s, expected %s as in the first", round+1, result.Sha256, first.Sha256)
		}
		if seconds > 0 {
			rates = append(rates, float64(result.Given)/seconds)
		}
	}
	first.Host, first.Runtime = "go", runtimeText(o.interpreter)
	first.Rounds, first.FramesPerSecond = o.rounds, int(math.Round(median(rates)))
	return json.NewEncoder(os.Stdout).Encode(first)
}

func replayOnce(module *sluicegate.Module, policy *sluicegate.Policy, captured []sluicegate.Frame, out string) (report, float64, error) {
	gateway, err := sluicegate.NewGateway(module, policy)
	if err != nil {
		return report{}, 0, err
	}
	defer gateway.Close()
	frames := givenOf(captured, policy)
	writer, err := newCaptureWriter(out)
	if err != nil {
		return report{}, 0, err
	}
	r := report{Frames: len(captured), Given: len(frames), Skipped: len(captured) - len(frames), Reasons: map[string]int{}}
	r.Actions = map[string]int{"pass": 0, "snat": 0, "reverse": 0, "drop": 0, "hold": 0}
	take := func(v sluicegate.Verdict) error { return r.take(v, writer) }
	if err := gateway.Process(frames, take); err != nil {
		return report{}, 0, err
	}
	if err := gateway.Flush(take); err != nil {
		return report{}, 0, err
	}
	r.Sha256, err = writer.close()
	return r, gateway.Busy.Seconds(), err
}

func (r *report) take(v sluicegate.Verdict, writer *captureWriter) error {
	r.Actions[sluicegate.ActionNames[int(v.Action)]]++
	if v.Action == sluicegate.ActionHold {
		return nil
	}
	if v.Reason != sluicegate.ReasonNone {
		name, ok := sluicegate.ReasonNames[int(v.Reason)]
		if !ok {
			name = fmt.Sprint(v.Reason)
		}
		r.Reasons[name]++
	}
	if v.Action != sluicegate.ActionDrop {
		r.Written++
		if err := writer.write(v.Bytes, v.Frame.Wire, v.Frame.Time); err != nil {
			return err
		}
	}
	if v.Error == nil {
		return nil
	}
	r.Errors++
	r.Written++
	answer := answerFrame(v.Frame.Bytes, v.Error)
	return writer.write(answer, uint32(len(answer)), v.Frame.Time)
}

// givenOf has the frames that the engine is asked about, with the hook that each enters at; all others are left out.
func givenOf(captured []sluicegate.Frame, policy *sluicegate.Policy) []sluicegate.Frame {
	endpoints, egressIPs := policy.Endpoints(), policy.EgressIPs()
	var given []sluicegate.Frame
	for _, frame := range captured {
		source, destination, ok := addressesOf(frame.Bytes)
		switch {
		case !ok:
			continue
		case endpoints[source]:
			frame.Hook = sluicegate.HookFromEndpoint
		case egressIPs[destination], endpoints[destination]:
			frame.Hook = sluicegate.HookFromNetwork
		default:
			continue
		}
		given = append(given, frame)
	}
	return given
}

const (
	typeAt   = 12
	tagSize  = 4
	typeIPv4 = 0x0800
	typeIPv6 = 0x86dd
)

// packetOf tells where the IP packet of an Ethernet frame begins, and its EtherType.
func packetOf(frame []byte) (etherType uint16, start int) {
	for at := typeAt; at+2 <= len(frame); at += tagSize {
		switch etherType = binary.BigEndian.Uint16(frame[at:]); etherType {
		case 0x8100, 0x88a8, 0x9100: // VLAN tags
		default:
			return etherType, at + 2
		}
	}
	return 0, len(frame)
}

func addressesOf(frame []byte) (source, destination netip.Addr, ok bool) {
	etherType, start := packetOf(frame)
	packet := frame[start:]
	switch {
	case etherType == typeIPv4 && len(packet) >= 20:
		return netip.AddrFrom4([4]byte(packet[12:16])), netip.AddrFrom4([4]byte(packet[16:20])), true
	case etherType == typeIPv6 && len(packet) >= 40:
		return netip.AddrFrom16([16]byte(packet[8:24])).Unmap(), netip.AddrFrom16([16]byte(packet[24:40])).Unmap(), true
	}
	return source, destination, false
}

// answerFrame is an ICMP error as the sender of the frame gets it: behind a copy of its link header with the addresses changed round.
func answerFrame(frame, icmp []byte) []byte {
	_, start := packetOf(frame)
	return bytes.Join([][]byte{frame[6:12], frame[:6], frame[12:start], icmp}, nil)
}

func runtimeText(interpreter bool) string {
	text := "wazero"
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, module := range info.Deps {
			if module.Path == "github.com/tetratelabs/wazero" {
				text += " " + module.Version
			}
		}
	}
	if interpreter {
		text += " (interpreter)"
	}
	return text + ", " + runtime.Version()
}

func median(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	slices.Sort(values)
	middle := len(values) / 2
	if len(values)%2 == 1 {
		return values[middle]
	}
	return (values[middle-1] + values[middle]) / 2
}
