// Package sluicegate runs engine.wasm in a Go program, with wazero and without cgo. docs/abi.md says what each call of the engine means.
package sluicegate

//go:generate go run ../internal/genabi/cmd ../../../../abi/abi.json abi.go

import (
	"context"
	"encoding/binary"
	"fmt"
	"os"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
)

// Field says where a field of a record lies.
type Field struct {
	Name   string
	Offset int
	Type   string // u8, u16, u32, u64
	Count  int
}

var ctx = context.Background()

// Module is a compiled engine; it serves any number of instances, each of one goroutine at a time.
type Module struct {
	file     string
	runtime  wazero.Runtime
	compiled wazero.CompiledModule
}

// ReadModule compiles the engine in a file, for wazero's interpreter if so wanted: slower, for platforms without its compiler.
func ReadModule(file string, interpreter bool) (*Module, error) {
	wasm, err := os.ReadFile(file)
	if err != nil {
		return nil, unreadable(file, err)
	}
	config := wazero.NewRuntimeConfig()
	if interpreter {
		config = wazero.NewRuntimeConfigInterpreter()
	}
	runtime := wazero.NewRuntimeWithConfig(ctx, config)
	compiled, err := runtime.CompileModule(ctx, wasm)
	if err != nil {
		return nil, fmt.Errorf("%s: is no WebAssembly module (%v)", file, err)
	}
	return &Module{file, runtime, compiled}, nil
}

// Engine is one instance.
type Engine struct {
	module   api.Module
	process  api.Function
	stack    [1]uint64
	released uint32
}

// Start makes an instance and sees that it speaks the ABI of this package.
func (m *Module) Start() (*Engine, error) {
	// Without a name a module can be instantiated any number of times.
	module, err := m.runtime.InstantiateModule(ctx, m.compiled, wazero.NewModuleConfig().WithName(""))
	if err != nil {
		return nil, fmt.Errorf("%s: cannot be instantiated (%v)", m.file, err)
	}
	e := &Engine{module: module, process: module.ExportedFunction("process")}
	if e.process == nil || module.ExportedFunction("abiVersion") == nil {
		return nil, fmt.Errorf("%s: abiVersion() gives nothing, expected %d", m.file, AbiVersion)
	}
	if version := uint32(e.Call("abiVersion")); version != AbiVersion {
		return nil, fmt.Errorf("%s: abiVersion() gives %d, expected %d", m.file, version, AbiVersion)
	}
	return e, nil
}

// Close gives the memory back.
func (e *Engine) Close() error { return e.module.Close(ctx) }

// Call calls an exported function. A trap is a bug of the engine, whatever the arguments, so it panics.
func (e *Engine) Call(name string, args ...uint32) int32 {
	function := e.module.ExportedFunction(name)
	if function == nil {
		panic("engine.wasm exports no " + name)
	}
	wide := make([]uint64, len(args))
	for i, arg := range args {
		wide[i] = uint64(arg)
	}
	results, err := function.Call(ctx, wide...)
	if err != nil {
		panic(err)
	}
	return int32(results[0])
}

// Parameters is how many parameters an exported function has; -1 where there is none.
func (e *Engine) Parameters(name string) int {
	function := e.module.ExportedFunction(name)
	if function == nil {
		return -1
	}
	return len(function.Definition().ParamTypes())
}

// Process is Call("process", count) without allocations.
func (e *Engine) Process(count int) int {
	e.stack[0] = uint64(count)
	if err := e.process.CallWithStack(ctx, e.stack[:]); err != nil {
		panic(err)
	}
	return int(int32(e.stack[0]))
}

// Memory is a window onto the whole memory. Configure makes memory grow: take it afterwards, and it stays valid.
func (e *Engine) Memory() []byte {
	memory := e.module.Memory()
	window, _ := memory.Read(0, memory.Size())
	return window
}

// Region is a window onto a region (Region*), as Memory is one.
func (e *Engine) Region(id uint32) []byte {
	at, size := uint32(e.Call("regionAt", id)), uint32(e.Call("regionSize", id))
	window, _ := e.module.Memory().Read(at, size)
	return window
}

// Configure returns OK or an Error*. The record has ConfigSize bytes.
func (e *Engine) Configure(record []byte) int32 {
	at := uint32(e.Call("configAt"))
	e.module.Memory().Write(at, record)
	return e.Call("configure")
}

// LoadPolicy returns OK or an Error*. The blob is at most as large as the arena.
func (e *Engine) LoadPolicy(blob []byte) int32 {
	copy(e.Region(RegionArena), blob)
	return e.Call("loadPolicy", 0, uint32(len(blob)))
}

// Released is the list of held frames that are to be given again now, in order; it is empty afterwards.
func (e *Engine) Released() []uint32 {
	if e.released == 0 {
		e.released = uint32(e.Call("regionAt", RegionReleased))
	}
	memory := e.module.Memory()
	count, _ := memory.ReadUint32Le(e.released)
	if count == 0 {
		return nil
	}
	numbers := make([]uint32, count)
	list, _ := memory.Read(e.released+4, count*4)
	for i := range numbers {
		numbers[i] = binary.LittleEndian.Uint32(list[i*4:])
	}
	memory.WriteUint32Le(e.released, 0)
	return numbers
}

// CodeText is a return value as people read it: -10 (ERROR_POLICY_VERSION).
func CodeText(code int32) string {
	if name, ok := ErrorNames[int(code)]; ok {
		return fmt.Sprintf("%d (%s)", code, name)
	}
	return fmt.Sprint(code)
}

func unreadable(file string, err error) error {
	if path, ok := err.(*os.PathError); ok {
		err = path.Err
	}
	return fmt.Errorf("%s: cannot be read (%v)", file, err)
}
