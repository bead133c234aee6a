package server

import (
	"fmt"

	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/encoding/proto"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/types/known/anypb"
)

// The fields of a response, of a resource within a delta response and of an Any. Those of both responses that are
// written here have the same numbers.
const (
	fieldVersion, fieldResources, fieldType, fieldNonce, fieldRemoved = 1, 2, 4, 5, 6
	fieldResourceVersion, fieldResourceBody, fieldResourceName        = 1, 2, 3
	fieldAnyType, fieldAnyValue                                       = 1, 2
)

// ownPiece is from which length on a value is not copied beside the others.
const ownPiece = 8 << 10

// outgoing is a message with the nonce of one stream.
type outgoing struct {
	body  [][]byte
	nonce string
}

// codec writes responses so that large resources are not copied for each stream: what is sent holds the bytes that
// all share. All else is as in grpc's own.
type codec struct{ encoding.CodecV2 }

func newCodec() codec { return codec{encoding.GetCodecV2(proto.Name)} }

// Marshal implements encoding.CodecV2.
func (c codec) Marshal(v any) (mem.BufferSlice, error) {
	switch r := v.(type) {
	case *outgoing:
		// The order of fields is free, so the nonce may come last.
		return buffers(append(r.body[:len(r.body):len(r.body)], appendText(nil, fieldNonce, r.nonce))), nil
	case *discoveryv3.DiscoveryResponse:
		w := writer{}
		w.text(fieldVersion, r.GetVersionInfo())
		for _, resource := range r.GetResources() {
			w.message(fieldResources, sizeOfAny(resource))
			w.any(resource)
		}
		w.text(fieldType, r.GetTypeUrl())
		w.text(fieldNonce, r.GetNonce())
		return buffers(w.done()), nil
	default:
		return c.CodecV2.Marshal(v)
	}
}

func buffers(pieces [][]byte) mem.BufferSlice {
	out := make(mem.BufferSlice, 0, len(pieces))
	for _, piece := range pieces {
		out = append(out, mem.SliceBuffer(piece))
	}
	return out
}

// pieces returns the message as it goes over the wire, in order.
func (m *message) pieces() ([][]byte, error) {
	w := writer{}
	w.text(fieldVersion, m.version)
	for _, r := range m.resources {
		if r.encoded == nil {
			return nil, fmt.Errorf("the content of %q is not known", r.name)
		}
		body := sizeOfAny(r.encoded)
		w.message(fieldResources, sizeOf(fieldResourceVersion, len(r.version))+sizeOf(fieldResourceBody, body)+sizeOf(fieldResourceName, len(r.name)))
		w.text(fieldResourceVersion, r.version)
		w.message(fieldResourceBody, body)
		w.any(r.encoded)
		w.text(fieldResourceName, r.name)
	}
	w.text(fieldType, m.url)
	for _, name := range m.removed {
		w.text(fieldRemoved, name)
	}
	return w.done(), nil
}

// writer writes a message of protobuf in pieces.
type writer struct {
	pieces [][]byte
	last   []byte
}

func (w *writer) done() [][]byte {
	if len(w.last) > 0 {
		w.pieces, w.last = append(w.pieces, w.last), nil
	}
	return w.pieces
}

// text writes a field of text, and message the head of one that is a message of a size.
func (w *writer) text(field protowire.Number, s string) { w.last = appendText(w.last, field, s) }

func (w *writer) message(field protowire.Number, size int) {
	w.last = protowire.AppendVarint(protowire.AppendTag(w.last, field, protowire.BytesType), uint64(size)) //nolint:gosec // it is a length
}

// any writes the fields of an Any.
func (w *writer) any(a *anypb.Any) {
	w.text(fieldAnyType, a.GetTypeUrl())
	w.message(fieldAnyValue, len(a.GetValue()))
	if len(a.GetValue()) < ownPiece {
		w.last = append(w.last, a.GetValue()...)
		return
	}
	w.pieces = append(w.done(), a.GetValue())
}

func appendText(b []byte, field protowire.Number, s string) []byte {
	return protowire.AppendString(protowire.AppendTag(b, field, protowire.BytesType), s)
}

func sizeOf(field protowire.Number, length int) int {
	return protowire.SizeTag(field) + protowire.SizeBytes(length)
}

func sizeOfAny(a *anypb.Any) int {
	return sizeOf(fieldAnyType, len(a.GetTypeUrl())) + sizeOf(fieldAnyValue, len(a.GetValue()))
}
