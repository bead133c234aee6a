package app

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/portreeve/portreeve/xds/ack"
	"github.com/portreeve/portreeve/xds/pace"
)

// TestRefusalsOfGatewaysDoNotFillTheLog holds how many lines a minute there are of what gateways
// refuse, and how long they are, whatever the gateways say.
func TestRefusalsOfGatewaysDoNotFillTheLog(t *testing.T) {
	var log bytes.Buffer
	now := time.Unix(0, 0)
	n := nacks{slog.New(slog.NewJSONHandler(&log, nil)), pace.New(nackLines, nackLinesOfOne, func() time.Time { return now })}
	long := make([]string, 20_000)
	for i := range long {
		long[i] = fmt.Sprint(i, strings.Repeat("n", 9<<10))
	}
	refuses := func(address string) {
		n.write(ack.Event{Kind: ack.ResponseRefused, Peer: ack.Peer{Node: strings.Repeat("i", 1<<10), Address: address},
			Refusal: &ack.Refusal{Message: strings.Repeat("ü", 4<<10), Resources: long}}, func(ack.Event) []string { return long })
	}
	for i := range 400 {
		refuses(fmt.Sprintf("192.0.2.1:%d", 1000+i))
	}
	if lines := strings.Count(log.String(), "\n"); lines != nackLinesOfOne || log.Len() > lines*8<<10 {
		t.Errorf("%d lines of %d bytes", lines, log.Len())
	}
	refuses("192.0.2.2:1")
	if !strings.Contains(log.String(), "192.0.2.2") {
		t.Error("one address keeps another out of the log")
	}
	now = now.Add(time.Minute)
	log.Reset()
	refuses("192.0.2.1:1")
	for _, want := range []string{`"left out before":340`, "and 19990 more", "ü…"} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("it says %s, want %s", &log, want)
		}
	}
}
