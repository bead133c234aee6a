package main

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/portreeve/portreeve/internal/audit"
	"github.com/portreeve/portreeve/translate/explain/words"
)

type auditListing struct {
	formatFlag
	auditFilter
	limit int
	paint words.Paint
}

func auditListCommand() *cobra.Command {
	var l auditListing
	c := &cobra.Command{
		Use:   "list FILE",
		Short: "List events of the record",
		Long: "List events of the record, the oldest first: those for which all filters hold, and of a filter with several values one of them. " +
			"FILE may be - for standard input, and packed by gzip. An event that is about more objects than it names is listed whatever --kind, --name and --namespace say: it may be about them. " +
			"Whether lines are missing, verify says. With -o json each event is on a line, as it was written. The exit code is 1 where a line is no event, or is not as it was written.",
		Example: "  portreeve audit list /var/log/portreeve/audit.log --since 12h --type 'generation.*'\n" +
			"  portreeve audit list audit.log --kind AuthorizationPolicy --name guard --limit 0\n" +
			"  portreeve audit list audit.log --outcome refused,failure -o json | jq .data.message",
		Args: exactly("the FILE that --audit-log names, or - for standard input: portreeve audit list audit.log", 1),
		RunE: l.run,
	}
	l.formatFlag.register(c, "text", "text", "json")
	l.auditFilter.register(c)
	c.Flags().IntVar(&l.limit, "limit", 100, "Only the last events, as many; 0 for all.")
	takes(c, "limit", number(0, maxListed))
	return c
}

// maxListed bounds what --limit keeps in memory.
const maxListed = 10_000

func (l *auditListing) run(c *cobra.Command, args []string) error {
	if err := l.prepare(time.Now()); err != nil {
		return err
	}
	out := bufio.NewWriter(c.OutOrStdout())
	l.paint = paintFor(c.OutOrStdout())
	last := lastEvents{most: l.limit}
	events := auditEvents{c: c}
	dropped := 0
	err := readAudit(c, args[0], events.each(func(e auditEvent) error {
		switch {
		case !l.chooses(&e):
			return nil
		case l.limit == 0:
			return l.one(out, &e)
		}
		dropped += last.keep(e)
		return nil
	}))
	for _, e := range last.inOrder() { // those before an error too
		_ = l.one(out, &e) // Flush says what is wrong
	}
	if flushErr := out.Flush(); flushErr != nil {
		return flushErr
	}
	if dropped > 0 {
		fmt.Fprintf(c.ErrOrStderr(), "%d earlier events are not listed: --limit is %d\n", dropped, l.limit)
	}
	if err != nil {
		return err
	}
	return events.end()
}

// one prints an event.
func (l *auditListing) one(w io.Writer, e *auditEvent) error {
	if l.format == "json" {
		_, err := fmt.Fprintf(w, "%s\n", e.line)
		return err
	}
	what := e.Data.Message
	if what == "" {
		what = e.Subject
	}
	if by := e.author(); by != "" {
		what += " (" + by + ")"
	}
	_, err := fmt.Fprintf(w, "%8s  %s  %-20s  %s  %s\n", e.seq(), e.Time.UTC().Format("2006-01-02T15:04:05.000Z"), plainText(e.kind()), outcomeText(e.details().Outcome, l.paint), plainText(what))
	return err
}

// outcomeText is an outcome in the width of its column.
func outcomeText(outcome string, paint words.Paint) string {
	text := fmt.Sprintf("%-8s", plainText(outcome))
	switch audit.Outcome(outcome) {
	case audit.Success, audit.Served:
		return paint(words.Good, text)
	case audit.Waiting:
		return paint(words.Open, text)
	case audit.Refused, audit.Failure:
		return paint(words.Bad, text)
	default: // one that a later version writes
		return text
	}
}

// lastEvents keeps the last events, as many as may be.
type lastEvents struct {
	most int
	ring []auditEvent
	next int
}

// keep adds an event, and returns how many it takes the place of.
func (k *lastEvents) keep(e auditEvent) int {
	e.line = slices.Clone(e.line)
	if len(k.ring) < k.most {
		k.ring = append(k.ring, e)
		return 0
	}
	k.ring[k.next] = e
	k.next = (k.next + 1) % k.most
	return 1
}

func (k *lastEvents) inOrder() []auditEvent {
	return slices.Concat(k.ring[k.next:], k.ring[:k.next])
}
