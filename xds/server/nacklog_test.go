package server

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	resourcev3 "github.com/envoyproxy/go-control-plane/pkg/resource/v3"

	"github.com/portreeve/portreeve/translate/diag"
	"github.com/portreeve/portreeve/xds/ack"
)

// TestRefusalsOfGatewaysDoNotFillTheLog holds how many lines a minute there are of what gateways
// refuse, and how long they are, whatever the gateways say.
func TestRefusalsOfGatewaysDoNotFillTheLog(t *testing.T) {
	var log bytes.Buffer
	now := time.Unix(0, 0)
	n := newNackLog(slog.New(slog.NewJSONHandler(&log, nil)), func() time.Time { return now })
	long := make([]string, 20_000)
	for i := range long {
		long[i] = fmt.Sprint(i, strings.Repeat("n", 9<<10))
	}
	refuses := func(address string) {
		n.write(strings.Repeat("i", 1<<10), address, resourcev3.ListenerType, &ack.Refusal{
			Message: strings.Repeat("ü", 4<<10), Resources: long, Origins: []diag.Position{{File: long[0], Line: 1}},
		})
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
	n.mended("edge", "192.0.2.1:1", resourcev3.ListenerType, long) // within the same bound
	n.mended("edge", "192.0.2.3:1", resourcev3.ListenerType, nil)
	if strings.Contains(log.String(), "takes what it had refused") {
		t.Error("it says what is mended beyond the bound, or where nothing was refused")
	}
	now = now.Add(time.Minute)
	log.Reset()
	refuses("192.0.2.1:1")
	for _, want := range []string{`"left out before":341`, "and 19990 more", "ü…"} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("it says %s, want %s", &log, want)
		}
	}
}
