package server

import (
	"context"
	"errors"
	"testing"
)

// TestNothingIsSentAfterTheRights holds that a response that was ready before a gateway lost its rights does not leave after it.
func TestNothingIsSentAfterTheRights(t *testing.T) {
	r := &rights{over: context.Canceled}
	// There is no stream behind: sending would be a panic.
	if err := (sotwStream{rights: r}).Send(nil); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if err := (&deltaStream{session: &session{rights: r}}).write(nil, ""); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}
