package main

import (
	"context"
	"errors"
	"testing"
	"time"
)

// TestNothingKeepsAProgramThatIsToldToEnd holds that nothing keeps the process that was told to end,
// and that what ends in time says how.
func TestNothingKeepsAProgramThatIsToldToEnd(t *testing.T) {
	broken := errors.New("broken")
	if err := ending(t.Context(), time.Hour, func() error { return broken }); !errors.Is(err, broken) {
		t.Errorf("an error became %v", err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	release := make(chan struct{})
	defer close(release)
	if err := ending(ended, time.Millisecond, func() error { <-release; return broken }); err != nil {
		t.Errorf("what hangs gave %v", err)
	}
	if err := ending(ended, time.Hour, func() error { return broken }); !errors.Is(err, broken) {
		t.Errorf("what ends in time gave %v", err)
	}
}
