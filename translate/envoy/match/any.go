package match

import (
	"fmt"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
)

// Any packs a message deterministically: equal messages give equal bytes, which the
// content-hash versions stand on. anypb.New does not promise that, so every Any is made here.
//
// It panics when the message cannot be marshaled (a string that is not UTF-8), which the
// strict decoding of resources excludes: a panic here is a fault of this program.
func Any(m proto.Message) *anypb.Any {
	b, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
	if err != nil {
		panic(fmt.Sprintf("marshal %s: %v", m.ProtoReflect().Descriptor().FullName(), err))
	}
	return &anypb.Any{TypeUrl: "type.googleapis.com/" + string(m.ProtoReflect().Descriptor().FullName()), Value: b}
}
