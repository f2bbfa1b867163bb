// Package genabi turns abi.json into Go.
package genabi

import (
	"bytes"
	"encoding/json"
	"fmt"
	"go/format"
	"strings"
)

type field struct {
	Name, Constant, Type string
	Offset, Count        int
}

type description struct {
	AbiVersion int
	Records    []struct {
		Name, SizeConstant string
		Size               int
		Fields             []field
	}
	Codes []struct {
		Name  string
		Codes []struct {
			Constant, Label, Meaning string
			Value                    int64
		}
	}
}

// Source is the text of package sluicegate's abi.go.
func Source(abiJSON []byte) ([]byte, error) {
	var abi description
	if err := json.Unmarshal(abiJSON, &abi); err != nil {
		return nil, fmt.Errorf("abi.json: %w", err)
	}
	var out bytes.Buffer
	out.WriteString("// Code generated from abi.json by go generate. DO NOT EDIT.\n\npackage sluicegate\n\n")
	for _, family := range abi.Codes {
		fmt.Fprintf(&out, "// Codes: %s.\nconst (\n", family.Name)
		for _, code := range family.Codes {
			fmt.Fprintf(&out, "%s = %d // %s\n", goName(code.Constant), code.Value, code.Meaning)
		}
		out.WriteString(")\n\n")
		writeLabels(&out, family.Name, func(yield func(name, label string)) {
			for _, code := range family.Codes {
				if family.Name == "error" {
					yield(goName(code.Constant), code.Constant)
				} else if code.Label != "" {
					yield(goName(code.Constant), code.Label)
				}
			}
		})
	}
	for _, record := range abi.Records {
		fmt.Fprintf(&out, "// Record %s.\nconst (\n", record.Name)
		for _, f := range record.Fields {
			fmt.Fprintf(&out, "%s = %d // %s\n", goName(f.Constant), f.Offset, typeText(f))
		}
		if record.SizeConstant != "" {
			fmt.Fprintf(&out, "%s = %d // bytes\n", goName(record.SizeConstant), record.Size)
		}
		out.WriteString(")\n\n")
	}
	out.WriteString("// Records has the fields of each record.\nvar Records = map[string][]Field{\n")
	for _, record := range abi.Records {
		fmt.Fprintf(&out, "%q: {\n", record.Name)
		for _, f := range record.Fields {
			fmt.Fprintf(&out, "{%q, %d, %q, %d},\n", f.Name, f.Offset, f.Type, f.Count)
		}
		out.WriteString("},\n")
	}
	out.WriteString("}\n")
	return format.Source(out.Bytes())
}

func writeLabels(out *bytes.Buffer, family string, each func(func(name, label string))) {
	var lines strings.Builder
	each(func(name, label string) { fmt.Fprintf(&lines, "%s: %q,\n", name, label) })
	if lines.Len() == 0 {
		return
	}
	name := goName(strings.ToUpper(family)) + "Names"
	fmt.Fprintf(out, "// %s has the printable names of these codes.\nvar %s = map[int]string{\n%s}\n\n", name, name, lines.String())
}

func typeText(f field) string {
	if f.Count == 1 {
		return f.Type
	}
	return fmt.Sprintf("%d x %s", f.Count, f.Type)
}

// goName makes VerdictNatPortAt of VERDICT_NAT_PORT_AT.
func goName(constant string) string {
	if constant == "OK" {
		return constant
	}
	words := strings.Split(strings.ToLower(constant), "_")
	for i, word := range words {
		words[i] = strings.ToUpper(word[:1]) + word[1:]
	}
	return strings.Join(words, "")
}
