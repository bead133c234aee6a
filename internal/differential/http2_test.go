package differential

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/http2/hpack"

	"github.com/portreeve/portreeve/translate/explain"
	"github.com/portreeve/portreeve/translate/explain/traffic"
)

// TestHTTP2IsExplainedAsEnvoyReadsIt asks both the same requests of HTTP/2, whose fields are sent as they are: what
// no client would send is among them. Each comes alone over a connection, and behind others.
//
// Not sent: names in upper case, which explain takes for sent in lower case; bodies; requests that have no method, path or scheme, or
// an empty method, which a Request cannot say.
func TestHTTP2IsExplainedAsEnvoyReadsIt(t *testing.T) {
	if underRace {
		t.Skip("make agreement runs it, without the race detector")
	}
	l := newLaboratory(t)
	log := l.log()
	trials := l.fixedTrials(log)
	e := l.start(trials)
	defer e.Stop()
	var sent []*connection
	for _, tr := range trials {
		alone := l.alone(tr, l.fieldLists())
		sent = append(append(sent, alone...), l.together(tr, alone))
	}
	read, err := readLog(l.Context(), log, func(read accessLog) string { return unlogged(sent, read) })
	if err != nil {
		t.Fatalf("%v\n%s", err, tail(e.Log()))
	}
	details := map[string]int{}
	for _, c := range sent {
		l.compare(c, read[c.name], details)
	}
	t.Logf("%d connections: %v", len(sent), details)
	for kind, least := range map[string]int{
		"via_upstream": 500, "rbac_access_denied_matched_policy": 100, "jwt_authn_access_denied": 10, "path_normalization_failed": 10,
		"http2.invalid.header.field": 100, "http2.violation.of.messaging.rule": 10, "http2.too_many_headers": 5,
	} {
		if details[kind] < least {
			t.Errorf("%s decides %d requests, want at least %d", kind, details[kind], least)
		}
	}
}

// compare holds the answers over a connection against explain, and counts what decided them.
func (l *laboratory) compare(c *connection, lines [][]string, details map[string]int) {
	l.Helper()
	for i := range c.streams {
		s := &c.streams[i]
		must(l, s.assign(lines[i]))
		details[kind(s.details)]++
		for _, d := range s.differences(l.keys.now) {
			l.Errorf("%s, stream %d of %d: %q: %v", s.ip(), i+1, len(c.streams), s.fields, d)
		}
	}
}

// unlogged says which connection has streams that the log has no line for.
func unlogged(sent []*connection, read accessLog) string {
	for _, c := range sent {
		if lines := read[c.name]; len(lines) < len(c.streams) {
			return fmt.Sprintf("%s had %d streams, the last %q, the log has %q", c.name, len(c.streams), c.streams[len(c.streams)-1].fields, lines)
		}
	}
	return ""
}

// stream is a request of HTTP/2, and what became of it.
type stream struct {
	*trial
	fields []hpack.HeaderField
	// name is the value of x-case among the fields.
	name string
	outcome
}

// assign completes the outcome by its line in the log. What could not be read has no name there.
func (s *stream) assign(line []string) error {
	if line[0] != s.name && line[0] != "-" || line[1] != fmt.Sprint(s.status) {
		return fmt.Errorf("the log has %q for %q, which got %d", line, s.fields, s.status)
	}
	s.details, s.flags, s.route, s.cluster = line[2], line[3], line[4], line[5]
	return nil
}

// differences compares what explain says of the request with what became of it.
func (s *stream) differences(at time.Time) []difference {
	asked := s.asked(at)
	answer := s.gateway.Ask(asked)
	out := differences(&answer, &s.outcome, asked.Method)
	if s.status != 0 || len(out) > 0 {
		return out
	}
	end := answer.Ends[0] // a reset: the log says why
	if said, got := end.Details+" "+end.Flags, s.details+" "+strings.TrimPrefix(s.flags, "-"); said != got {
		out = append(out, difference{"reset", said, got})
	}
	return out
}

// asked is the request as it is explained.
func (s *stream) asked(at time.Time) explain.Request {
	out := explain.Request{Port: 8080, Client: s.client, Protocol: "HTTP/2", At: at}
	for _, f := range s.fields {
		switch f.Name {
		case ":method":
			out.Method = f.Value
		case ":path":
			out.Path = f.Value
		case ":authority":
			out.Authority = f.Value
			if f.Value == "" { // there is one, and it is empty
				out.Headers = append(out.Headers, traffic.Header{Name: "host"})
			}
		case ":scheme":
		default:
			out.Headers = append(out.Headers, traffic.Header{Name: f.Name, Value: f.Value})
		}
	}
	return out
}

// answer takes the fields of an answer.
func (o *outcome) answer(fields []hpack.HeaderField) {
	o.header = http.Header{}
	for _, f := range fields {
		o.header.Add(f.Name, f.Value)
	}
	if i := slices.IndexFunc(fields, func(f hpack.HeaderField) bool { return f.Name == ":status" }); i >= 0 {
		_, _ = fmt.Sscan(fields[i].Value, &o.status)
	}
}
