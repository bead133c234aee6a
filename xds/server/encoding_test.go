package server

import (
	"bytes"
	"fmt"
	"testing"

	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
)

// responses are of all kinds: empty, with resources that are copied and such that are not, with names to remove.
func responses() []*discoveryv3.DeltaDiscoveryResponse {
	of := func(sizes ...int) (out []*discoveryv3.Resource) {
		for i, size := range sizes {
			out = append(out, &discoveryv3.Resource{
				Name: fmt.Sprint("name-", i), Version: fmt.Sprint("version-", size), Resource: &anypb.Any{TypeUrl: "type", Value: bytes.Repeat([]byte{byte(i + 1)}, size)},
			})
		}
		return out
	}
	return []*discoveryv3.DeltaDiscoveryResponse{
		{TypeUrl: "type", SystemVersionInfo: "1", Nonce: "1"},
		{TypeUrl: "type", SystemVersionInfo: "1", Nonce: "12", RemovedResources: []string{"a", "b"}},
		{TypeUrl: "type", SystemVersionInfo: "1", Nonce: "3", Resources: of(0, 1, 127, 128, 300)},
		{TypeUrl: "type", SystemVersionInfo: "2", Nonce: "4", Resources: of(ownPiece-1, ownPiece, 5, 1<<20, 1<<20, 0), RemovedResources: []string{"gone"}},
	}
}

func messageOf(r *discoveryv3.DeltaDiscoveryResponse) *message {
	var list []resource
	for _, one := range r.GetResources() {
		list = append(list, resource{one.GetName(), one.GetVersion(), one.GetResource()})
	}
	return newMessage(r.GetTypeUrl(), r.GetSystemVersionInfo(), list, r.GetRemovedResources())
}

// TestWhatIsWrittenIsTheResponse holds that the codec's own encoding means what grpc's does, in both protocols.
func TestWhatIsWrittenIsTheResponse(t *testing.T) {
	c := newCodec()
	for i, want := range responses() {
		body, err := messageOf(want).encode()
		if err != nil {
			t.Fatal(err)
		}
		all := &discoveryv3.DiscoveryResponse{VersionInfo: want.GetSystemVersionInfo(), TypeUrl: want.GetTypeUrl(), Nonce: want.GetNonce()}
		for _, one := range want.GetResources() {
			all.Resources = append(all.Resources, one.GetResource())
		}
		for _, pair := range []struct {
			sent any
			want proto.Message
		}{{&outgoing{body, want.GetNonce()}, want}, {all, all}} {
			sent, err := c.Marshal(pair.sent)
			if err != nil {
				t.Fatal(err)
			}
			got := pair.want.ProtoReflect().New().Interface()
			if err := c.Unmarshal(sent, got); err != nil {
				t.Fatalf("%d: %v", i, err)
			}
			if !proto.Equal(pair.want, got) { // a difference of megabytes is nothing to read
				t.Errorf("response %d, a %T, is another one", i, pair.want)
			}
		}
	}
}

// TestLargeResourcesAreNotCopied holds that what many streams are sent has the bytes that all share, and that what a stream
// sends of it changes nothing for others.
func TestLargeResourcesAreNotCopied(t *testing.T) {
	c, want := newCodec(), responses()[3]
	m := messageOf(want)
	large := want.GetResources()[3].GetResource().GetValue()
	for _, nonce := range []string{"1", "2"} {
		body, err := m.encode()
		if err != nil {
			t.Fatal(err)
		}
		sent, err := c.Marshal(&outgoing{body, nonce})
		if err != nil {
			t.Fatal(err)
		}
		shared := false
		for _, piece := range sent {
			b := piece.ReadOnlyData()
			shared = shared || len(b) == len(large) && &b[0] == &large[0]
		}
		if !shared {
			t.Error("a megabyte was copied")
		}
		got := &discoveryv3.DeltaDiscoveryResponse{}
		if err := c.Unmarshal(sent, got); err != nil || got.GetNonce() != nonce {
			t.Errorf("the nonce is %q, want %q: %v", got.GetNonce(), nonce, err)
		}
	}
}

// TestWhatIsOnlyAnnouncedIsNotSent holds that a resource of which only the name is known ends the stream: as an
// empty one it would be a cluster without endpoints, or a secret that verifies nobody.
func TestWhatIsOnlyAnnouncedIsNotSent(t *testing.T) {
	if _, err := newMessage("type", "1", []resource{{"a", "1", nil}}, nil).encode(); err == nil {
		t.Error("it was encoded")
	}
}
