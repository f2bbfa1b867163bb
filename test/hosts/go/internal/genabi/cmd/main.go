// Command genabi writes abi.go from abi.json.
package main

import (
	"log"
	"os"

	"sluicegate.io/hosts/go/internal/genabi"
)

func main() {
	if len(os.Args) != 3 {
		log.Fatal("usage: genabi abi.json abi.go")
	}
	abi, err := os.ReadFile(os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	source, err := genabi.Source(abi)
	if err != nil {
		log.Fatal(err)
	}
	if err := os.WriteFile(os.Args[2], source, 0o644); err != nil {
		log.Fatal(err)
	}
}
