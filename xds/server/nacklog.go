package server

import (
	"fmt"
	"log/slog"
	"time"
	"unicode/utf8"

	"github.com/portreeve/portreeve/xds/ack"
	"github.com/portreeve/portreeve/xds/node"
	"github.com/portreeve/portreeve/xds/pace"
	"github.com/portreeve/portreeve/xds/snapshot"
)

// The bounds of what gateways write to the log by refusing: lines a minute, and those of one
// address; bytes of a message, whose first 8 KiB the status has; names in a line.
const (
	nackLines, nackLinesOfOne = 120, 60
	maxLogged                 = 500
	maxLoggedNames            = 10
)

// nackLog logs what gateways refuse, down to the lines that it was written at. What a gateway says
// again of what was sent again is not told again.
type nackLog struct {
	logger *slog.Logger
	limit  *pace.Limit
}

func newNackLog(logger *slog.Logger, now func() time.Time) nackLog {
	return nackLog{logger, pace.New(nackLines, nackLinesOfOne, now)}
}

// write logs a refusal of a gateway unless enough was logged in this minute.
func (n nackLog) write(id, address, url string, r *ack.Refusal) {
	if r.Again {
		return
	}
	more, ok := n.room(address)
	if !ok {
		return
	}
	t, _ := snapshot.TypeOf(url)
	origins := make([]string, len(r.Origins))
	for i, place := range r.Origins {
		origins[i] = place.String()
	}
	n.logger.Error("gateway refused configuration and stays on what it had", append([]any{
		"gateway", node.Cut(id), "address", address, "type", t.Short,
		"resources", few(r.Resources), "message", shortened(r.Message), "origins", few(origins),
	}, more...)...)
}

// mended logs that a gateway has taken what it had refused, within the same bounds; else a refusal would
// be the last that the log says of it.
func (n nackLog) mended(id, address, url string, names []string) {
	if len(names) == 0 {
		return
	}
	more, ok := n.room(address)
	if !ok {
		return
	}
	t, _ := snapshot.TypeOf(url)
	n.logger.Info("gateway takes what it had refused", append([]any{
		"gateway", node.Cut(id), "address", address, "type", t.Short, "resources", few(names),
	}, more...)...)
}

// room takes a line of an address, unless it or all have had enough of this minute.
func (n nackLog) room(address string) (more []any, ok bool) {
	return n.limit.Take(hostOf(address))
}

// few returns the first of a list, each cut, and how many more there are.
func few(list []string) []string {
	out := []string{}
	for _, s := range list[:min(len(list), maxLoggedNames)] {
		out = append(out, node.Cut(s))
	}
	if left := len(list) - len(out); left > 0 {
		out = append(out, fmt.Sprintf("and %d more", left))
	}
	return out
}

// shortened cuts a message at the end of a character.
func shortened(message string) string {
	if len(message) <= maxLogged {
		return message
	}
	end := maxLogged
	for !utf8.RuneStart(message[end]) && end > 0 {
		end--
	}
	return message[:end] + "…"
}
