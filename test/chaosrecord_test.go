package test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
)

// chaosRecord is what is known of what the record of the control plane must hold.
type chaosRecord struct {
	t    testing.TB
	file string
	// starts, kills and ends are how often it was started, and how each of its lives ended; unsure are those starts and ends at
	// which the disk was full.
	starts, kills, ends, unsure int
	isFull                      bool
}

// chaosEvent is as much of an event as is asked for.
type chaosEvent struct {
	Type, Subject, Sequence string
	Data                    struct {
		Message  string
		Unmapped struct {
			Portreeve struct {
				Details struct {
					Events, Seq uint64
					Groups      []struct{ Serving *struct{ Hash string } }
				}
			}
		}
	}
}

func newChaosRecord(t testing.TB, dir string) *chaosRecord {
	t.Helper()
	return &chaosRecord{t: t, file: filepath.Join(dir, "audit.log")}
}

// flags have the control plane keep its record, in many files.
func (r *chaosRecord) flags() []string {
	return []string{"--audit-log", r.file, "--audit-log-max-bytes", fmt.Sprint(256 << 10)}
}

// began notes a start, and waits until it is on record: a kill that comes before that takes it away.
func (r *chaosRecord) began() {
	r.t.Helper()
	if r.starts++; r.isFull {
		r.unsure++
		return
	}
	eventually(r.t, "the start is on record", func() bool { return r.written("plane.started") >= r.starts-r.unsure })
}

// written counts the events of a type.
func (r *chaosRecord) written(of string) (n int) {
	for _, e := range r.events() {
		if e.Type == "io.portreeve."+of {
			n++
		}
	}
	return n
}

// events are all of them. The last line may be half written.
func (r *chaosRecord) events() (out []chaosEvent) {
	var text, errs bytes.Buffer
	run(context.Background(), []string{"audit", "list", r.file, "--limit", "0", "-o", "json"}, &text, &errs)
	for line := range bytes.Lines(text.Bytes()) {
		var e chaosEvent
		if json.Unmarshal(line, &e) == nil {
			out = append(out, e)
		}
	}
	return out
}

func (r *chaosRecord) killed() { r.kills++ }

func (r *chaosRecord) ended() {
	if r.ends++; r.isFull {
		r.unsure++
	}
}

// full notes that the disk is, or is not any more.
func (r *chaosRecord) full(is bool) { r.isFull = is }

// whole holds that the record is, when the control plane has ended: its chain, each start and end, and that nothing was served that
// was not read before. What a kill took with it, and what it says itself that it lost, is excused.
func (r *chaosRecord) whole(report *chaosReport) {
	var out bytes.Buffer
	if code := run(r.t.Context(), []string{"audit", "verify", r.file}, &out, &out); code != exitClean {
		report.fault("audit verify: exit %d: %s", code, &out)
	}
	read, counts, unread, lost := map[string]bool{}, map[string]int{}, map[string]bool{}, 0
	// last is the number of the generation that was read before, in this life; a life whose start is not on record begins unnoticed.
	last, unnoticed := uint64(0), 0
	for _, e := range r.events() {
		kind := strings.TrimPrefix(e.Type, "io.portreeve.")
		counts[kind]++
		details := e.Data.Unmapped.Portreeve.Details
		switch kind {
		case "audit.lost":
			lost += int(details.Events)
		case "plane.started":
			last = 0
		case "generation.read":
			// An edit that is taken back makes a generation of the same content, with a number of its own.
			if details.Seq <= last {
				unnoticed++
			}
			if unnoticed > r.unsure {
				report.fault("generation %d is on record after generation %d, as event %s: %s", details.Seq, last, e.Sequence, e.Data.Message)
			}
			last = details.Seq
			read[e.Subject] = true
		case "generation.published":
			for _, g := range details.Groups {
				if g.Serving == nil {
					continue
				}
				if !read[g.Serving.Hash] {
					unread[g.Serving.Hash] = true
				}
			}
		}
	}
	report.counts("events", sum(counts))
	report.counts("events lost", lost)
	if n := counts["plane.started"]; n > r.starts || n < r.starts-r.unsure-lost {
		report.fault("%d starts are on record, of %d (%d in doubt)", n, r.starts, r.unsure)
	}
	if n := counts["plane.stopped"]; n > r.ends || n < r.ends-r.unsure-lost {
		report.fault("%d ends are on record, of %d (%d in doubt)", n, r.ends, r.unsure)
	}
	if len(unread) > r.kills+lost {
		report.fault("%d generations are on record as served, and not as read before; %d kills, %d events lost", len(unread), r.kills, lost)
	}
}

func sum(counts map[string]int) (n int) {
	for _, c := range counts {
		n += c
	}
	return n
}
