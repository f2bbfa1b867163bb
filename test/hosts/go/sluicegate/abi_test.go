package sluicegate

import (
	"bytes"
	"os"
	"testing"

	"sluicegate.io/hosts/go/internal/genabi"
)

func TestAbiIsWhatGoGenerateWrites(t *testing.T) {
	abi, err := os.ReadFile("../../../../abi/abi.json")
	if err != nil {
		t.Fatal(err)
	}
	wanted, err := genabi.Source(abi)
	if err != nil {
		t.Fatal(err)
	}
	have, err := os.ReadFile("abi.go")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(have, wanted) {
		t.Error("abi.go is not what abi.json gives: go generate ./...")
	}
}
