// Package replay asks of each request in an access log what two configurations of a gateway make of it,
// and tells which requests would get another answer, by the rule that decides.
//
// A log does not hold all of a request. What it lacks is not guessed: where that decides, the request is
// counted apart, with what the answer depends on.
package replay

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"

	"github.com/portreeve/portreeve/translate/explain"
	"github.com/portreeve/portreeve/translate/explain/traffic"
)

// Options say what a log is replayed against.
type Options struct {
	// Old and New are what the gateway has, and what it would have.
	Old, New *explain.Gateway
	// Formats are the ways in which lines may be written.
	Formats Formats
	// Facts are what the configurations say of requests where a line does not.
	Facts Facts
	// Each is told of every request, in the order of the log; it may be nil. An error ends the replay.
	Each func(Outcome) error
	// Progress is called now and then; it may be nil.
	Progress func(Progress)
}

// Progress is how far a replay is.
type Progress struct {
	Lines int
	// Bytes are those that were read of the log, as it is stored.
	Bytes int64
}

// batch is how many lines are taken before the configurations are asked about them.
const batch = 512

// Run replays a log, which may be packed by gzip. It keeps a bounded amount in memory, whatever the
// size of the log. An error says that the log could not be read to its end; the report is of what was read.
func Run(ctx context.Context, log io.Reader, o Options) (Report, error) {
	in, err := openLog(log)
	if err != nil {
		return Report{}, err
	}
	r := run{Options: o, known: newCache[*comparison](cached), tally: newTally()}
	for ctx.Err() == nil {
		more, err := r.batch(in)
		if err != nil {
			return r.tally.report(), fmt.Errorf("read the log behind line %d: %w", in.number, err)
		}
		if o.Progress != nil {
			o.Progress(Progress{Lines: in.number, Bytes: in.read()})
		}
		if !more {
			return r.tally.report(), nil
		}
	}
	return r.tally.report(), ctx.Err()
}

// cached is how many different requests are remembered, so that those which come again are not asked again.
const cached = 20_000

type run struct {
	Options
	known *cache[*comparison]
	tally *tally
}

// question is one line that asks something.
type question struct {
	record record
	line   int
	key    string
}

func (q question) outcome() Outcome {
	c := q.record.settled
	return Outcome{Line: q.line, Result: c.kind, From: answerText(c.old), To: answerText(c.new), DependsOn: c.facts}
}

// batch takes some lines; it is false at the end of the log.
func (r *run) batch(in *lines) (bool, error) {
	var questions []question
	var asked []*comparison
	more := true
	for range batch {
		line, err := in.next()
		if errors.Is(err, io.EOF) {
			more = false
			break
		}
		if err != nil {
			return false, err
		}
		if q, ok := r.question(line, in.number); ok {
			c, found := r.known.get(q.key)
			if !found {
				c = &comparison{request: q.record.request(r.Facts)}
				r.known.put(q.key, c)
				asked = append(asked, c)
			}
			q.record.settled = c
			questions = append(questions, q)
		}
	}
	if err := r.ask(asked); err != nil {
		return false, err
	}
	for _, q := range questions {
		r.tally.add(q)
		if r.Each == nil {
			continue
		}
		if err := r.Each(q.outcome()); err != nil {
			return false, err
		}
	}
	return more, nil
}

// question reads a line; what holds no request is counted.
func (r *run) question(line text, number int) (question, bool) {
	r.tally.out.Lines++
	if line.tooLong {
		r.tally.broken(number, fmt.Errorf("it is longer than %d bytes", maxLine))
		return question{}, false
	}
	if len(line.bytes) == 0 {
		r.tally.out.Lines--
		return question{}, false
	}
	record, err := r.Formats.parse(line.bytes)
	if err != nil {
		r.tally.broken(number, err)
		return question{}, false
	}
	if why := record.unanswerable(); why != "" {
		r.tally.skip(why)
		return question{}, false
	}
	if !r.Facts.AgentCounts {
		record.headers = slices.DeleteFunc(record.headers, func(h traffic.Header) bool { return h.Name == userAgent })
	}
	return question{record: record, line: number, key: record.key()}, true
}

// ask asks both configurations, side by side.
func (r *run) ask(all []*comparison) error {
	var both sync.WaitGroup
	both.Go(func() {
		for _, c := range all {
			c.old = outcomeOf(r.Old.Ask(c.request))
		}
	})
	for _, c := range all {
		c.new = outcomeOf(r.New.Ask(c.request))
	}
	both.Wait()
	for _, c := range all {
		if fault := cmp.Or(c.old.fault, c.new.fault); fault != "" {
			return fmt.Errorf("internal error: what a gateway is served is not the policy as it is written: %s", fault)
		}
		c.conclude()
	}
	return nil
}
