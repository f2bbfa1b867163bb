package sluicegate

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
)

const policySchema = "sluicegate.io/compiled-policy/v1"

// Policy is what `sluicegate compile` wrote: policy.bin and policy.json.
type Policy struct {
	File   string
	Blob   []byte
	Record []byte // of ConfigSize bytes, for Configure
	About  About
}

// About is what this host reads of policy.json.
type About struct {
	Schema      string
	AbiVersion  int
	BlobVersion int
	Blob        struct {
		Bytes  int
		Sha256 string
	}
	Configuration struct{ Record string }
	Calls         []struct {
		Function  string
		Arguments []uint32
	}
	Egresses []struct{ NodeName, IPv4, IPv6 string }
}

// ReadPolicy sees that both files are of one run, and of the versions that this package was written for.
func ReadPolicy(blobFile, aboutFile string) (*Policy, error) {
	text, err := os.ReadFile(aboutFile)
	if err != nil {
		return nil, unreadable(aboutFile, err)
	}
	p := &Policy{File: blobFile}
	if err := json.Unmarshal(text, &p.About); err != nil {
		return nil, fmt.Errorf("%s: is no JSON (%v)", aboutFile, err)
	}
	about := &p.About
	if about.Schema != policySchema {
		return nil, fmt.Errorf("%s: schema is %q, expected %q", aboutFile, about.Schema, policySchema)
	}
	if about.AbiVersion != AbiVersion {
		return nil, fmt.Errorf("%s: abiVersion is %d, expected %d", aboutFile, about.AbiVersion, AbiVersion)
	}
	if about.BlobVersion != BlobVersion {
		return nil, fmt.Errorf("%s: blobVersion is %d, expected %d", aboutFile, about.BlobVersion, BlobVersion)
	}
	if p.Record, err = hex.DecodeString(about.Configuration.Record); err != nil || len(p.Record) != ConfigSize {
		return nil, fmt.Errorf("%s: configuration.record has %d bytes, expected %d", aboutFile, len(p.Record), ConfigSize)
	}
	if p.Blob, err = os.ReadFile(blobFile); err != nil {
		return nil, unreadable(blobFile, err)
	}
	if len(p.Blob) != about.Blob.Bytes {
		return nil, fmt.Errorf("%s: has %d bytes, expected %d", blobFile, len(p.Blob), about.Blob.Bytes)
	}
	if sum := fmt.Sprintf("%x", sha256.Sum256(p.Blob)); sum != about.Blob.Sha256 {
		return nil, fmt.Errorf("%s: SHA-256 is %s, expected %s", blobFile, sum, about.Blob.Sha256)
	}
	return p, nil
}

// Endpoints has the addresses of all endpoints, of a blob that the engine took.
func (p *Policy) Endpoints() map[netip.Addr]bool {
	return p.addresses(SectionEndpoints, EndpointSize, EndpointAddressAt)
}

// EgressIPs has all egress IPs, likewise.
func (p *Policy) EgressIPs() map[netip.Addr]bool {
	return p.addresses(SectionEgresses, EgressSize, EgressIpv4At, EgressIpv6At)
}

func (p *Policy) addresses(section, size int, places ...int) map[netip.Addr]bool {
	head := p.Blob[BlobSectionsAt+section*8:]
	rows, from := binary.LittleEndian.Uint32(head), binary.LittleEndian.Uint32(head[4:])
	all := map[netip.Addr]bool{}
	for row := range int(rows) {
		for _, place := range places {
			at := int(from) + row*size + place
			all[netip.AddrFrom16([16]byte(p.Blob[at:at+16])).Unmap()] = true
		}
	}
	delete(all, netip.IPv6Unspecified())
	return all
}
