// Command sluicegate-host runs engine.wasm over captures and conformance vectors.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
)

const usage = `usage: sluicegate-host vectors [--engine engine.wasm] [--interpreter] DIR_OR_FILE…
       sluicegate-host replay [--engine engine.wasm] [--interpreter] --policy policy.bin --about policy.json [--rounds N] CAPTURE OUT`

const maxRounds = 1000

func main() {
	ok, err := run(os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	if !ok {
		os.Exit(1)
	}
}

func run(args []string) (bool, error) {
	if len(args) == 0 || args[0] != "vectors" && args[0] != "replay" {
		return false, errors.New(usage)
	}
	var o replayOptions
	flags := flag.NewFlagSet(args[0], flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.StringVar(&o.engine, "engine", "engine.wasm", "")
	flags.BoolVar(&o.interpreter, "interpreter", false, "")
	if args[0] == "replay" {
		flags.StringVar(&o.policy, "policy", "", "")
		flags.StringVar(&o.about, "about", "", "")
		flags.IntVar(&o.rounds, "rounds", 1, "")
	}
	operands, err := parse(flags, args[1:])
	if err != nil {
		return false, errors.New(usage)
	}
	if args[0] == "vectors" {
		if len(operands) == 0 {
			return false, errors.New(usage)
		}
		return runVectors(o.engine, o.interpreter, operands)
	}
	if o.policy == "" || o.about == "" || len(operands) != 2 {
		return false, errors.New(usage)
	}
	if o.rounds < 1 || o.rounds > maxRounds {
		return false, fmt.Errorf("--rounds is %d, expected 1 to %d", o.rounds, maxRounds)
	}
	o.capture, o.out = operands[0], operands[1]
	return true, replay(o)
}

// parse takes flags before, between and behind the operands.
func parse(flags *flag.FlagSet, args []string) (operands []string, err error) {
	for {
		if err := flags.Parse(args); err != nil {
			return nil, err
		}
		if flags.NArg() == 0 {
			return operands, nil
		}
		operands, args = append(operands, flags.Arg(0)), flags.Args()[1:]
	}
}

func readFile(file string) ([]byte, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, unreadable(file, err)
	}
	return data, nil
}

func unreadable(file string, err error) error {
	return fmt.Errorf("%s: cannot be read (%v)", file, bare(err))
}

func unwritable(file string, err error) error {
	return fmt.Errorf("%s: cannot be written (%v)", file, bare(err))
}

// bare is the error without the path that it names.
func bare(err error) error {
	var path *fs.PathError
	if errors.As(err, &path) {
		return path.Err
	}
	return err
}
