package sluicegate

import (
	"encoding/binary"
	"fmt"
	"time"
)

// Frames of a process call: more gain nothing, and stay in no cache.
const batchSize = 256

// Frame is one of Ethernet.
type Frame struct {
	Bytes []byte
	Wire  uint32 // bytes on the wire
	Hook  uint8  // Hook*
	Time  uint64 // nanoseconds since 1970
}

// Verdict is what becomes of a frame. Bytes and Error lie in the engine's memory, until the next frame is taken.
type Verdict struct {
	Frame  *Frame
	Action uint8  // Action*
	Reason uint8  // Reason*
	Egress uint32 // row of About.Egresses, or NoIndex
	Bytes  []byte // the frame as it leaves
	Error  []byte // an ICMP error for its sender, without a link header, or nil
}

// Gateway is an engine under a policy. It takes frames in any number, and keeps fragments that wait for their first one.
type Gateway struct {
	// Busy is the time spent on copying frames in, writing their records, and in process.
	Busy time.Duration

	engine                             *Engine
	arena, frames, verdicts, generated []byte
	batch                              int
	held                               map[uint32]*Frame
	now                                uint64
	queue                              []item
}

// item is a frame on its way into the engine; number is that under which it was held.
type item struct {
	frame  *Frame
	isHeld bool
	number uint32
}

// NewGateway starts an engine and loads the policy into it.
func NewGateway(module *Module, policy *Policy) (*Gateway, error) {
	engine, err := module.Start()
	if err != nil {
		return nil, err
	}
	if code := engine.Configure(policy.Record); code != OK {
		return nil, fmt.Errorf("%s: configure() gives %s, expected 0 (OK)", policy.File, CodeText(code))
	}
	// Memory has its final size now: windows stay valid.
	g := &Gateway{engine: engine, held: map[uint32]*Frame{}}
	g.arena, g.frames = engine.Region(RegionArena), engine.Region(RegionFrames)
	g.verdicts, g.generated = engine.Region(RegionVerdicts), engine.Region(RegionGenerated)
	g.batch = min(batchSize, len(g.frames)/FrameSize)
	if len(policy.Blob) > len(g.arena) {
		return nil, fmt.Errorf("%s: has %d bytes, expected at most %d: the arena's", policy.File, len(policy.Blob), len(g.arena))
	}
	if code := engine.LoadPolicy(policy.Blob); code != OK {
		return nil, fmt.Errorf("%s: loadPolicy() gives %s, expected 0 (OK)", policy.File, CodeText(code))
	}
	for _, call := range policy.About.Calls {
		if engine.Parameters(call.Function) != len(call.Arguments) {
			return nil, fmt.Errorf("%s: the engine has no %s() of %d arguments", policy.File, call.Function, len(call.Arguments))
		}
		if code := engine.Call(call.Function, call.Arguments...); code != OK {
			return nil, fmt.Errorf("%s: %s() gives %s, expected 0 (OK)", policy.File, call.Function, CodeText(code))
		}
	}
	return g, nil
}

// Close gives the engine's memory back.
func (g *Gateway) Close() error { return g.engine.Close() }

// Process takes frames through the engine in order. take is called for each once its fate is known, and for ActionHold.
func (g *Gateway) Process(frames []Frame, take func(Verdict) error) error {
	batch := make([]item, 0, g.batch)
	for next := 0; next < len(frames) || len(g.queue) > 0; {
		waiting := min(len(g.queue), g.batch)
		batch = append(batch[:0], g.queue[:waiting]...)
		g.queue = g.queue[waiting:]
		for ; len(batch) < g.batch && next < len(frames); next++ {
			batch = append(batch, item{frame: &frames[next]})
		}
		started := time.Now()
		count := g.describe(batch)
		done := g.engine.Process(count)
		g.Busy += time.Since(started)
		if count == 0 {
			return fmt.Errorf("a frame has %d bytes, expected at most %d: the arena's", len(batch[0].frame.Bytes), len(g.arena))
		}
		if done < 1 {
			return fmt.Errorf("process(%d) gives %s, expected 1 to %d", count, CodeText(int32(done)), count)
		}
		if err := g.deliver(batch[:done], take); err != nil {
			return err
		}
		if again := g.again(); len(again) > 0 || done < len(batch) {
			g.queue = append(append(again, batch[done:]...), g.queue...)
		}
	}
	return nil
}

// Flush ends the wait of all fragments that are still held.
func (g *Gateway) Flush(take func(Verdict) error) error {
	if len(g.held) == 0 {
		return nil
	}
	g.now += FragmentMs * 1_000_000
	g.engine.Call("advance", uint32(g.now), uint32(g.now>>32))
	g.queue = g.again()
	return g.Process(nil, take)
}

// describe writes the batch into arena and frame records, one frame behind the other, and returns how many fit.
func (g *Gateway) describe(batch []item) int {
	offset := 0
	for i, item := range batch {
		frame := item.frame
		if len(frame.Bytes) > len(g.arena)-offset {
			return i
		}
		copy(g.arena[offset:], frame.Bytes)
		flags, tag, time := uint16(0), uint64(0), frame.Time
		if item.isHeld {
			flags, tag, time = FrameFlagReleased, uint64(item.number), g.now
		}
		record := g.frames[i*FrameSize : (i+1)*FrameSize]
		binary.LittleEndian.PutUint32(record[FrameOffsetAt:], uint32(offset))
		binary.LittleEndian.PutUint32(record[FrameCapturedAt:], uint32(len(frame.Bytes)))
		binary.LittleEndian.PutUint32(record[FrameWireAt:], frame.Wire)
		record[FrameHookAt] = frame.Hook
		record[FrameLinkAt] = LinkEthernet
		binary.LittleEndian.PutUint16(record[FrameFlagsAt:], flags)
		binary.LittleEndian.PutUint64(record[FrameTimeAt:], time)
		binary.LittleEndian.PutUint64(record[FrameTagAt:], tag)
		offset += len(frame.Bytes)
	}
	return len(batch)
}

func (g *Gateway) deliver(batch []item, take func(Verdict) error) error {
	offset := 0
	errors := g.errors()
	for i, item := range batch {
		row := g.verdicts[i*VerdictSize : (i+1)*VerdictSize]
		length := int(binary.LittleEndian.Uint32(row[VerdictLengthAt:]))
		verdict := Verdict{
			Frame:  item.frame,
			Action: row[VerdictActionAt],
			Reason: row[VerdictReasonAt],
			Egress: binary.LittleEndian.Uint32(row[VerdictEgressAt:]),
			Bytes:  g.arena[offset : offset+length],
			Error:  errors[uint32(i)],
		}
		if verdict.Action == ActionHold {
			g.held[binary.LittleEndian.Uint32(row[VerdictInnerAt:])] = item.frame
		}
		if !item.isHeld {
			g.now = max(g.now, item.frame.Time)
		}
		if err := take(verdict); err != nil {
			return err
		}
		offset += len(item.frame.Bytes)
	}
	return nil
}

// again has the held frames that the engine wants to see again now, in its order.
func (g *Gateway) again() []item {
	var items []item
	for _, number := range g.engine.Released() {
		items = append(items, item{g.held[number], true, number})
		delete(g.held, number)
	}
	return items
}

// errors has the ICMP errors that the engine made, by the frame record that they are about.
func (g *Gateway) errors() map[uint32][]byte {
	if len(g.generated) == 0 {
		return nil
	}
	count := binary.LittleEndian.Uint32(g.generated[GeneratedCountAt:])
	if count == 0 {
		return nil
	}
	errors := make(map[uint32][]byte, count)
	for i := range int(count) {
		row := g.generated[GeneratedRowsAt+i*GeneratedSize:]
		length := binary.LittleEndian.Uint32(row[GeneratedLengthAt:])
		errors[binary.LittleEndian.Uint32(row[GeneratedFrameAt:])] = row[GeneratedPacketAt:][:length]
	}
	return errors
}
