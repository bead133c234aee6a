package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/portreeve/portreeve/internal/audit"
)

// collected is a sink that keeps lines in memory.
type collected struct{ bytes.Buffer }

func (c *collected) Name() string { return "memory" }

func (c *collected) Take(_ context.Context, lines []audit.Line) error {
	for _, l := range lines {
		c.Write(l.Bytes)
		c.WriteByte('\n')
	}
	return nil
}

// recordOf is the lines that a recorder writes of events.
func recordOf(t *testing.T, events ...audit.Event) []byte {
	t.Helper()
	var sink collected
	r, err := audit.New(audit.Options{Sinks: []audit.Sink{&sink}, Instance: "test", Version: "1.2.3"})
	must(t, err)
	for _, e := range events {
		r.Record(e)
	}
	must(t, r.Close())
	return sink.Bytes()
}

// aDay is a record of some events.
func aDay(t *testing.T) []byte {
	t.Helper()
	at := func(hour int) time.Time { return time.Date(2026, 1, 31, hour, 0, 0, 0, time.UTC) }
	many := make([]audit.Object, audit.MaxObjects+20)
	for i := range many {
		many[i] = audit.Object{Kind: "VirtualService", Namespace: "web", Name: "v", Change: "added"}
	}
	return recordOf(t,
		audit.Event{Type: audit.PlaneStarted, Time: at(1), Outcome: audit.Success, Message: "started"},
		audit.Event{
			Type: audit.GenerationRead, Time: at(2), Subject: "abc123", Outcome: audit.Success, Message: "1 object changed", Namespaces: []string{"istio-system"},
			Objects: []audit.Object{{Kind: "AuthorizationPolicy", Namespace: "istio-system", Name: "guard", File: "a.yaml", Line: 3, Column: 1, Change: "changed"}},
			Actors:  []audit.Actor{{File: "a.yaml", Commit: "0123456789abcdef0123", Author: "Ada <ada@example.org>", AuthorTime: at(0), Committed: true, Owner: "root"}},
		},
		audit.Event{
			Type: audit.GenerationPublished, Time: at(2), Subject: "abc123", Outcome: audit.Refused, Message: "refused for 1 group",
			Details: map[string]any{"groups": []map[string]any{{"group": "edge\x1b[31m", "outcome": "refused", "serving": map[string]any{"seq": 1, "hash": "bbb999"}}}},
		},
		audit.Event{Type: audit.GatewayConnected, Time: at(3), Subject: "router~10.0.0.1~edge/a.web~web", Outcome: audit.Success, Namespaces: []string{"web"}, Details: map[string]string{"generation": "abc123"}},
		audit.Event{Type: audit.KeysFailed, Time: at(4), Subject: "https://issuer", Outcome: audit.Failure, Message: "cannot\nbe fetched\x1b[2J"},
		audit.Event{Type: audit.GenerationRead, Time: at(5), Subject: "def456", Outcome: audit.Success, Message: "120 objects added", Objects: many},
	)
}

// audited runs a verb on a record and returns what it printed, and its exit code.
func audited(t *testing.T, record []byte, verb string, flags ...string) (stdout, stderr string, code int) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "audit.log")
	must(t, os.WriteFile(file, record, 0o600))
	var out, errs bytes.Buffer
	code = run(t.Context(), append([]string{"audit", verb, file}, flags...), &out, &errs)
	return out.String(), errs.String(), code
}

// auditedInput runs a verb on what comes in.
func auditedInput(t *testing.T, record []byte, verb string, flags ...string) (stdout, stderr string, code int) {
	t.Helper()
	file, err := os.CreateTemp(t.TempDir(), "")
	must(t, err)
	_, err = file.Write(record)
	must(t, err)
	_, err = file.Seek(0, 0)
	must(t, err)
	before := os.Stdin
	os.Stdin = file
	defer func() { os.Stdin = before; _ = file.Close() }()
	var out, errs bytes.Buffer
	code = run(t.Context(), append([]string{"audit", verb, "-"}, flags...), &out, &errs)
	return out.String(), errs.String(), code
}

// numbers are the first words of lines.
func numbers(text string) string {
	var out []string
	for line := range strings.Lines(text) {
		out = append(out, strings.Fields(line)[0])
	}
	return strings.Join(out, " ")
}

func TestAuditListChooses(t *testing.T) {
	record := aDay(t)
	for name, test := range map[string]struct {
		flags []string
		want  string
	}{
		"all":                               {nil, "1 2 3 4 5 6"},
		"type":                              {[]string{"--type", "generation.read"}, "2 6"},
		"types by patterns":                 {[]string{"--type", "plane.*,io.portreeve.keys.*"}, "1 5"},
		"since a time":                      {[]string{"--since", "2026-01-31T03:00:00Z"}, "4 5 6"},
		"until a time":                      {[]string{"--until", "2026-01-31T03:00:00+01:00"}, "1"},
		"since a date":                      {[]string{"--since", "2026-02-01"}, ""},
		"since long ago":                    {[]string{"--since", "90000d"}, "1 2 3 4 5 6"},
		"until a while ago":                 {[]string{"--until", "12h"}, "1 2 3 4 5 6"},
		"outcome":                           {[]string{"--outcome", "refused,failure"}, "3 5"},
		"namespace":                         {[]string{"--namespace", "istio-system"}, "2"},
		"namespace of objects":              {[]string{"-n", "web"}, "4 6"},
		"kind":                              {[]string{"--kind", "authorizationpolicy"}, "2 6"}, // the last names less than it is about
		"kind, name and namespace":          {[]string{"--kind", "AuthorizationPolicy", "--name", "gu*", "-n", "istio-system"}, "2"},
		"subject":                           {[]string{"--subject", "router~*"}, "4"},
		"generation":                        {[]string{"--generation", "abc"}, "2 3 4"},
		"generation that a group is served": {[]string{"--generation", "bbb"}, "3"},
		"all of several":                    {[]string{"--generation", "abc", "--outcome", "success"}, "2 4"},
		"the last":                          {[]string{"--limit", "2"}, "5 6"},
		"without a limit":                   {[]string{"--limit", "0", "--type", "g*"}, "2 3 4 6"},
	} {
		t.Run(name, func(t *testing.T) {
			out, errs, code := audited(t, record, "list", test.flags...)
			if code != exitClean || numbers(out) != test.want {
				t.Errorf("exit %d, events %q, want %q\n%s%s", code, numbers(out), test.want, out, errs)
			}
		})
	}
}

func TestAuditListIsALineAnEventForAPerson(t *testing.T) {
	out, _, _ := audited(t, aDay(t), "list", "--limit", "5")
	want := `       2  2026-01-31T02:00:00.000Z  generation.read       success   1 object changed (Ada <ada@example.org>)
       3  2026-01-31T02:00:00.000Z  generation.published  refused   refused for 1 group
       4  2026-01-31T03:00:00.000Z  gateway.connected     success   router~10.0.0.1~edge/a.web~web
       5  2026-01-31T04:00:00.000Z  keys.failed           failure   cannot be fetched?[2J
       6  2026-01-31T05:00:00.000Z  generation.read       success   120 objects added
`
	if diff := cmp.Diff(want, out); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestAuditListAsJSONIsWhatWasWritten(t *testing.T) {
	record := aDay(t)
	if out, _, _ := audited(t, record, "list", "-o", "json"); out != string(record) {
		t.Errorf("got %s", out)
	}
}

func TestAuditListReadsPackedFilesAndStandardInput(t *testing.T) {
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	_, err := w.Write(aDay(t))
	must(t, err)
	must(t, w.Close())
	file := filepath.Join(t.TempDir(), "old.gz")
	must(t, os.WriteFile(file, packed.Bytes(), 0o600))
	var out, errs bytes.Buffer
	if code := run(t.Context(), []string{"audit", "list", file}, &out, &errs); code != exitClean || numbers(out.String()) != "1 2 3 4 5 6" {
		t.Errorf("a file: exit %d: %s%s", code, out.String(), errs.String())
	}
	for _, record := range [][]byte{packed.Bytes(), aDay(t)} {
		if out, errs, code := auditedInput(t, record, "list"); code != exitClean || numbers(out) != "1 2 3 4 5 6" {
			t.Errorf("standard input: exit %d: %s%s", code, out, errs)
		}
	}
}

// TestAuditListSaysWhatIsNoEvent holds for a bound of them, and the rest of what comes in is still listed.
func TestAuditListSaysWhatIsNoEvent(t *testing.T) {
	record := append([]byte(strings.Repeat("garbage\x1b\n", 10)), aDay(t)...)
	out, errs, code := auditedInput(t, record, "list")
	if code != exitFindings || numbers(out) != "1 2 3 4 5 6" || strings.Count(errs, "not an event") != maxBrokenTold || !strings.Contains(errs, "10 lines are no events") || strings.Contains(errs, "\x1b") {
		t.Errorf("exit %d\n%s%s", code, out, errs)
	}
	if _, errs, code := auditedInput(t, bytes.Repeat([]byte("x"), maxAuditLine+1), "list"); code != exitUsage || !strings.Contains(errs, "is longer than") {
		t.Errorf("a line without an end: exit %d: %s", code, errs)
	}
}

// TestAuditListEndsWhereARecordIsBroken holds for what was read before, which is listed.
func TestAuditListEndsWhereARecordIsBroken(t *testing.T) {
	record := bytes.Replace(aDay(t), []byte("refused for 1"), []byte("refused for 2"), 1)
	out, errs, code := audited(t, record, "list")
	if code != exitFindings || numbers(out) != "1 2" || !strings.Contains(errs, "audit.log:3: ") {
		t.Errorf("exit %d\n%s%s", code, out, errs)
	}
}

func TestAuditFlagsThatAreWrongAreRefused(t *testing.T) {
	for _, flags := range [][]string{{"--since", "yesterday"}, {"--until", "-1h"}, {"--since", "100001d"}, {"--type", "[a"}, {"--limit", "-1"}, {"--limit", "10001"}, {"-o", "yaml"}} {
		if out, errs, code := audited(t, nil, "list", flags...); code != exitUsage || errs == "" {
			t.Errorf("%v: exit %d: %s%s", flags, code, out, errs)
		}
	}
	if code := run(t.Context(), []string{"audit", "list", "/does/not/exist"}, &bytes.Buffer{}, &bytes.Buffer{}); code != exitUsage {
		t.Errorf("a file that is not there: exit %d", code)
	}
}

func TestAuditShowTellsAllOfAnEvent(t *testing.T) {
	record := aDay(t)
	out, _, code := audited(t, record, "show", "2")
	for _, want := range []string{
		"generation.read", "changed  AuthorizationPolicy istio-system/guard  a.yaml:3:1",
		"a.yaml  Ada <ada@example.org>, commit 0123456789ab of 2026-01-31T00:00:00Z; the file is owned by root", "the line is as it was written",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is missing", want)
		}
	}
	if code != exitClean || t.Failed() {
		t.Errorf("exit %d\n%s", code, out)
	}
	if out, _, _ := audited(t, record, "show", "3"); !strings.Contains(out, "- group:") || !strings.Contains(out, "outcome: refused") || strings.Contains(out, "\x1b") {
		t.Errorf("the details:\n%s", out)
	}
	if out, _, _ := audited(t, record, "show", "6"); !strings.Contains(out, "objects and up to 20 more") {
		t.Errorf("what is not named:\n%s", out)
	}
}

func TestAuditShowFindsByNumberOrID(t *testing.T) {
	record := aDay(t)
	event, err := parseAuditEvent(bytes.Split(record, []byte("\n"))[3])
	must(t, err)
	byID, _, code := audited(t, record, "show", event.ID)
	byNumber, _, _ := audited(t, record, "show", "4")
	if code != exitClean || byID != byNumber || !strings.Contains(byID, event.ID) {
		t.Errorf("exit %d\n%s\n%s", code, byID, byNumber)
	}
	if out, _, code := audited(t, record, "show", "7"); code != exitFindings || !strings.Contains(out, "there is no event 7") {
		t.Errorf("exit %d: %s", code, out)
	}
}

func TestAuditShowSaysThatALineWasChanged(t *testing.T) {
	record := bytes.Replace(aDay(t), []byte("Ada <"), []byte("Eve <"), 1)
	for _, format := range []string{"text", "json"} {
		if out, _, code := auditedInput(t, record, "show", "2", "-o", format); code != exitFindings || format == "text" && !strings.Contains(out, "NOT AS IT WAS WRITTEN") {
			t.Errorf("%s: exit %d\n%s", format, code, out)
		}
	}
}
