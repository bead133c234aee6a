package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/portreeve/portreeve/internal/terminal"
	"github.com/portreeve/portreeve/translate/source"
)

// readStdin reads what is piped to a command, as much as a file may have. A terminal is told to somebody who did
// not mean to type; the end of the command's context ends the waiting.
func readStdin(c *cobra.Command) ([]byte, error) {
	if terminal.Is(c.InOrStdin()) {
		fmt.Fprintln(c.ErrOrStderr(), "note: stdin is a terminal: type policy, and end it with Ctrl-D at the beginning of a line")
	}
	return readWithin(c.Context(), c.InOrStdin(), source.DefaultLimits().FileBytes)
}

// readWithin reads at most a number of bytes; more are source.ErrTooMuch.
func readWithin(ctx context.Context, r io.Reader, most int64) ([]byte, error) {
	type result struct {
		content []byte
		err     error
	}
	done := make(chan result, 1)
	go func() {
		content, err := io.ReadAll(io.LimitReader(r, most+1))
		done <- result{content, err}
	}()
	select {
	case <-ctx.Done(): // who waits for a terminal is still reading; the process ends
		return nil, context.Cause(ctx)
	case got := <-done:
		if got.err == nil && int64(len(got.content)) > most {
			return nil, fmt.Errorf("it is larger than %d bytes: %w", most, source.ErrTooMuch)
		}
		return got.content, got.err
	}
}
