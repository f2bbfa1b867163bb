package main

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"sluicegate.io/hosts/go/sluicegate"
)

// The conformance vectors of test/vectors, run as docs/vectors.md says.

const vectorSchema = "sluicegate.io/vectors/v1"

type vectorFile struct {
	Schema         string
	AbiVersion     int
	VerdictFlags   uint16
	Counters       struct{ Steady []string }
	Configurations []struct{ Name, Record string }
	Policies       []struct{ Name, Blob string }
	Vectors        []struct {
		Name  string
		Steps []step
	}
}

type step struct {
	Do, Configuration, Policy, Function, As, From string
	Returns                                       int32
	Arguments                                     []uint32
	Frames                                        []frameRow
	Count                                         *uint32
	Verdicts                                      []map[string]any
	Generated                                     []generatedRow
	Released                                      []uint32
	Counters                                      map[string]any
	EgressStats                                   []map[string]any
	Fill                                          *byte
}

type frameRow struct {
	Hook, Link     uint8
	Flags          uint16
	Time           uint64 `json:",string"`
	Tag            uint64 `json:",string"`
	Wire, Captured *uint32
	Offset         *uint32
	Bytes          hexBytes
}

type generatedRow struct {
	Frame  uint32   `json:"frame"`
	Egress uint32   `json:"egress"`
	Packet hexBytes `json:"packet"`
}

// hexBytes are bytes that JSON has as hexadecimal.
type hexBytes []byte

func (b *hexBytes) UnmarshalJSON(text []byte) error {
	var digits string
	err := json.Unmarshal(text, &digits)
	if err == nil {
		*b, err = hex.DecodeString(digits)
	}
	return err
}

func (b hexBytes) MarshalJSON() ([]byte, error) { return json.Marshal(hex.EncodeToString(b)) }

type tally struct{ vectors, steps, differ int }

func (t tally) String() string {
	text := "as expected"
	if t.differ > 0 {
		text = fmt.Sprintf("%d vectors differ", t.differ)
	}
	return fmt.Sprintf("%d vectors, %d steps: %s", t.vectors, t.steps, text)
}

// runVectors tells whether all came out as expected.
func runVectors(engine string, interpreter bool, paths []string) (bool, error) {
	module, err := sluicegate.ReadModule(engine, interpreter)
	if err != nil {
		return false, err
	}
	files, err := vectorFiles(paths)
	if err != nil {
		return false, err
	}
	var total tally
	for _, file := range files {
		sum, err := runFile(file, module)
		if err != nil {
			return false, err
		}
		fmt.Printf("%s: %s\n", filepath.Base(file), sum)
		total = tally{total.vectors + sum.vectors, total.steps + sum.steps, total.differ + sum.differ}
	}
	fmt.Println(total)
	return total.differ == 0, nil
}

// vectorFiles has the files, and all *.json of the folders, by name.
func vectorFiles(paths []string) (files []string, err error) {
	for _, path := range paths {
		info, err := os.Stat(path)
		if err != nil {
			return nil, unreadable(path, err)
		}
		if !info.IsDir() {
			files = append(files, path)
			continue
		}
		found, err := filepath.Glob(filepath.Join(path, "*.json"))
		if err != nil {
			return nil, err
		}
		files = append(files, found...)
	}
	return files, nil
}

func runFile(path string, module *sluicegate.Module) (sum tally, err error) {
	text, err := readFile(path)
	if err != nil {
		return sum, err
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber() // numbers of verdicts are compared as they stand there
	var file vectorFile
	if err := decoder.Decode(&file); err != nil {
		return sum, fmt.Errorf("%s: is no JSON of vectors (%v)", path, err)
	}
	if file.Schema != vectorSchema {
		return sum, fmt.Errorf("%s: schema is %q, expected %q", path, file.Schema, vectorSchema)
	}
	if file.AbiVersion != sluicegate.AbiVersion {
		return sum, fmt.Errorf("%s: abiVersion is %d, expected %d", path, file.AbiVersion, sluicegate.AbiVersion)
	}
	for _, vector := range file.Vectors {
		run := &vectorRun{file: &file, module: module, saved: map[string][]byte{}}
		if err := run.start(); err != nil {
			return sum, err
		}
		sum.vectors++
		for number := range vector.Steps {
			sum.steps++
			run.differences = nil
			if err := run.step(&vector.Steps[number]); err != nil {
				return sum, fmt.Errorf("%s: %s, step %d: %w", path, vector.Name, number, err)
			}
			for _, difference := range run.differences {
				fmt.Printf("%s, step %d, %s\n", vector.Name, number, difference)
			}
			if len(run.differences) > 0 {
				sum.differ++
				break
			}
		}
		run.engine.Close()
	}
	return sum, nil
}

// vectorRun is one vector: the instance that it is at, and what its steps have said so far.
type vectorRun struct {
	file         *vectorFile
	module       *sluicegate.Module
	engine       *sluicegate.Engine
	isConfigured bool
	stated       map[string]string
	saved        map[string][]byte
	differences  []string
}

func (r *vectorRun) start() (err error) {
	if r.engine != nil {
		r.engine.Close()
	}
	r.engine, err = r.module.Start()
	r.isConfigured, r.stated = false, map[string]string{}
	return err
}

func (r *vectorRun) compare(field string, expected, got any) {
	wanted, _ := json.Marshal(expected)
	found, _ := json.Marshal(got)
	if !bytes.Equal(wanted, found) {
		r.differences = append(r.differences, fmt.Sprintf("%s: expected %s, got %s", field, wanted, found))
	}
}

func (r *vectorRun) step(s *step) error {
	switch s.Do {
	case "start":
		return r.start()
	case "save":
		r.saved[s.As] = bytes.Clone(r.engine.Region(sluicegate.RegionState))
		return nil
	}
	offsets := r.describe(s.Frames)
	code, err := r.call(s)
	if err != nil {
		return err
	}
	r.compare("returns", s.Returns, code)
	for i, row := range s.Verdicts {
		r.compareVerdict(i, row)
		r.compareBytes(i, row, s.Frames[i].Bytes, offsets[i])
	}
	if s.Generated != nil {
		r.compare("generated", s.Generated, r.generated())
	}
	if !r.isConfigured {
		return nil
	}
	r.compare("released", append([]uint32{}, s.Released...), append([]uint32{}, r.engine.Released()...))
	r.compareCounters(flat(s.Counters))
	for i, row := range s.EgressStats {
		r.compareStats(i, row)
	}
	return nil
}

func (r *vectorRun) call(s *step) (int32, error) {
	switch s.Do {
	case "configure":
		for _, one := range r.file.Configurations {
			if one.Name == s.Configuration {
				record, err := hex.DecodeString(one.Record)
				if err != nil || len(record) != sluicegate.ConfigSize {
					return 0, fmt.Errorf("configuration %s has no %d bytes", one.Name, sluicegate.ConfigSize)
				}
				code := r.engine.Configure(record)
				r.isConfigured = r.isConfigured || code == sluicegate.OK
				return code, nil
			}
		}
		return 0, fmt.Errorf("no configuration is named %s", s.Configuration)
	case "load":
		for _, one := range r.file.Policies {
			if one.Name == s.Policy {
				blob, err := hex.DecodeString(one.Blob)
				if err != nil {
					return 0, err
				}
				copy(r.engine.Region(sluicegate.RegionArena), blob)
				if s.Arguments != nil {
					return r.engine.Call("loadPolicy", s.Arguments...), nil
				}
				return r.engine.Call("loadPolicy", 0, uint32(len(blob))), nil
			}
		}
		return 0, fmt.Errorf("no policy is named %s", s.Policy)
	case "restore":
		state := r.engine.Region(sluicegate.RegionState)
		copy(state, r.saved[s.From])
		if s.Fill != nil {
			for i := range state {
				state[i] = *s.Fill
			}
		}
		return r.engine.Call("restore"), nil
	case "call":
		return r.engine.Call(s.Function, s.Arguments...), nil
	case "process", "locate":
		count := uint32(len(s.Frames))
		if s.Count != nil {
			count = *s.Count
		}
		return r.engine.Call(s.Do, count), nil
	}
	return 0, fmt.Errorf("no step is named %s", s.Do)
}

// describe puts frames into the arena and their records into RegionFrames, as far as there is room, and tells where each lies.
func (r *vectorRun) describe(frames []frameRow) []int {
	arena, records := r.engine.Region(sluicegate.RegionArena), r.engine.Region(sluicegate.RegionFrames)
	offsets := make([]int, len(frames))
	next := uint32(0)
	for i, frame := range frames {
		length := uint32(len(frame.Bytes))
		offset := valueOr(frame.Offset, next)
		offsets[i] = int(offset)
		next = offset + length
		if int(offset)+len(frame.Bytes) <= len(arena) {
			copy(arena[offset:], frame.Bytes)
		}
		if (i+1)*sluicegate.FrameSize > len(records) {
			continue
		}
		record := records[i*sluicegate.FrameSize:]
		binary.LittleEndian.PutUint32(record[sluicegate.FrameOffsetAt:], offset)
		binary.LittleEndian.PutUint32(record[sluicegate.FrameCapturedAt:], valueOr(frame.Captured, length))
		binary.LittleEndian.PutUint32(record[sluicegate.FrameWireAt:], valueOr(frame.Wire, length))
		record[sluicegate.FrameHookAt] = frame.Hook
		record[sluicegate.FrameLinkAt] = frame.Link
		binary.LittleEndian.PutUint16(record[sluicegate.FrameFlagsAt:], frame.Flags)
		binary.LittleEndian.PutUint64(record[sluicegate.FrameTimeAt:], frame.Time)
		binary.LittleEndian.PutUint64(record[sluicegate.FrameTagAt:], frame.Tag)
	}
	return offsets
}

func (r *vectorRun) compareVerdict(i int, row map[string]any) {
	record := r.engine.Region(sluicegate.RegionVerdicts)[i*sluicegate.VerdictSize:]
	for _, field := range sluicegate.Records["verdict"] {
		expected, ok := row[field.Name]
		if !ok {
			continue
		}
		got := get(record, field, 0)
		switch field.Name {
		case "action":
			got = label(sluicegate.ActionNames, got)
		case "reason":
			got = label(sluicegate.ReasonNames, got)
		case "flags":
			got = got.(uint64) & uint64(r.file.VerdictFlags)
		}
		r.compare(fmt.Sprintf("verdicts[%d].%s", i, field.Name), expected, got)
	}
}

func (r *vectorRun) compareBytes(i int, row map[string]any, given []byte, offset int) {
	if outer, ok := row["outer"]; ok {
		rows := r.engine.Region(sluicegate.RegionOuter)[i*sluicegate.OuterSize:]
		r.compare(fmt.Sprintf("verdicts[%d].outer", i), outer, hexBytes(rows[:sluicegate.OuterSize]))
	}
	arena := r.engine.Region(sluicegate.RegionArena)
	if row["unchanged"] == true {
		r.compare(fmt.Sprintf("verdicts[%d].unchanged", i), hexBytes(given), hexBytes(arena[offset:][:len(given)]))
	} else if out, ok := row["out"].(string); ok {
		if skip, ok := row["skip"].(json.Number); ok {
			bytes, _ := skip.Int64()
			offset += int(bytes)
		}
		r.compare(fmt.Sprintf("verdicts[%d].out", i), out, hexBytes(arena[offset:][:len(out)/2]))
	}
}

func (r *vectorRun) generated() []generatedRow {
	region := r.engine.Region(sluicegate.RegionGenerated)
	rows := make([]generatedRow, binary.LittleEndian.Uint32(region[sluicegate.GeneratedCountAt:]))
	for i := range rows {
		row := region[sluicegate.GeneratedRowsAt+i*sluicegate.GeneratedSize:]
		length := binary.LittleEndian.Uint32(row[sluicegate.GeneratedLengthAt:])
		rows[i] = generatedRow{
			Frame:  binary.LittleEndian.Uint32(row[sluicegate.GeneratedFrameAt:]),
			Egress: binary.LittleEndian.Uint32(row[sluicegate.GeneratedEgressAt:]),
			Packet: row[sluicegate.GeneratedPacketAt:][:length],
		}
	}
	return rows
}

// compareCounters: what a step states has changed to that; what it does not state is as it was, of the counters that are compared always.
func (r *vectorRun) compareCounters(stated map[string]string) {
	for name, value := range stated {
		r.stated[name] = value
	}
	check := func(name, field string, got any) {
		_, isStated := stated[name]
		if isStated || slices.Contains(r.file.Counters.Steady, field) {
			expected := "0"
			if value, ok := r.stated[name]; ok {
				expected = value
			}
			r.compare("counters."+name, expected, got)
		}
	}
	counters := r.engine.Region(sluicegate.RegionCounters)
	for _, field := range sluicegate.Records["counters"] {
		names := map[string]map[int]string{"reasons": sluicegate.ReasonNames, "actions": sluicegate.ActionNames}[field.Name]
		if names == nil {
			check(field.Name, field.Name, get(counters, field, 0))
		}
		for _, value := range sortedKeys(names) {
			check(field.Name+"."+names[value], field.Name, get(counters, field, value))
		}
		if field.Name == "reasons" {
			check("reasons.none", field.Name, get(counters, field, sluicegate.ReasonNone))
		}
	}
}

func (r *vectorRun) compareStats(i int, row map[string]any) {
	record := r.engine.Region(sluicegate.RegionEgressStats)[i*sluicegate.EgressStatsSize:]
	for _, field := range sluicegate.Records["egress_stats"] {
		if expected, ok := row[field.Name]; ok {
			r.compare(fmt.Sprintf("egressStats[%d].%s", i, field.Name), expected, get(record, field, 0))
		}
	}
}

// get has a field of a record: a number, 64 bits as decimal text, bytes.
func get(record []byte, field sluicegate.Field, index int) any {
	at := record[field.Offset:]
	switch field.Type {
	case "u8":
		if field.Count > 1 {
			return hexBytes(at[:field.Count])
		}
		return uint64(at[index])
	case "u16":
		return uint64(binary.LittleEndian.Uint16(at[index*2:]))
	case "u32":
		return uint64(binary.LittleEndian.Uint32(at[index*4:]))
	}
	return strconv.FormatUint(binary.LittleEndian.Uint64(at[index*8:]), 10)
}

func label(names map[int]string, value any) string {
	if name, ok := names[int(value.(uint64))]; ok {
		return name
	}
	if value.(uint64) == sluicegate.ReasonNone {
		return "none"
	}
	return fmt.Sprint(value)
}

// flat makes reasons.no-policy of a name in a name.
func flat(counters map[string]any) map[string]string {
	all := map[string]string{}
	for name, value := range counters {
		switch value := value.(type) {
		case string:
			all[name] = value
		case map[string]any:
			for label, count := range value {
				all[name+"."+label], _ = count.(string)
			}
		}
	}
	return all
}

func sortedKeys(names map[int]string) []int {
	keys := make([]int, 0, len(names))
	for key := range names {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

func valueOr(value *uint32, otherwise uint32) uint32 {
	if value != nil {
		return *value
	}
	return otherwise
}
