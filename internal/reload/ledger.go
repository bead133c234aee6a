package reload

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// ledger tells the recorder how groups stand, each change once. It is guarded by Reloader.mu.
type ledger struct {
	// recorder is nil where nothing is recorded, and nothing is kept then.
	recorder Recorder
	now      func() time.Time
	// told is how the groups that are connected stood when that was told last, and counts are of them.
	told   map[string]standing
	counts Counts
}

// standing is all of how a group stands that makes another one where it changes.
type standing struct {
	Standing
	// serving and seq name the generation that it is served, and rekeyed counts its other keys.
	serving string
	seq     uint64
	rekeyed int
	// latest is the generation that is kept from it, and reasons say by what.
	latest, reasons string
}

// standing returns how a group stands that is connected.
func (g *group) stands(latest *Generation) standing {
	out := standing{Standing: Failed, rekeyed: g.rekeyed}
	if g.published {
		out.serving, out.seq = g.serving.Hash, g.serving.Seq
	}
	switch {
	case len(g.refused) > 0:
		out.Standing, out.reasons = Refused, strings.Join(g.refused[:min(len(g.refused), maxReasons)].Lines(), "\n")
	case len(g.waiting) > 0 || latest == nil && !g.published:
		out.Standing, out.reasons = Waiting, strings.Join(first(g.waiting), "\n")
	case g.published && (latest == nil || latest.Hash == g.serving.Hash):
		out.Standing = Served
		return out
	}
	if latest != nil {
		out.latest = latest.Hash
	}
	return out
}

// change is a group that stands otherwise than was told.
type change struct {
	*group
	was, now standing
}

// publish tells of the groups among some that stand otherwise than was told.
func (l *ledger) publish(cause Cause, latest *Generation, groups map[string]*group) {
	if l.recorder == nil {
		return
	}
	var changed []change
	for key, g := range groups {
		was := l.told[key]
		now := standing{Standing: Left}
		if g.connected {
			now = g.stands(latest)
		} else if was.Standing == "" {
			continue
		}
		if now != was {
			changed = append(changed, change{g, was, now})
			l.note(key, was, now)
		}
	}
	if len(changed) > 0 || cause == CauseGeneration {
		l.tell(cause, latest, changed)
	}
}

// note keeps how a group stands, as it is about to be told.
func (l *ledger) note(key string, was, now standing) {
	if n := l.counts.of(was.Standing); n != nil {
		*n--
	}
	if n := l.counts.of(now.Standing); n != nil {
		*n++
	}
	if now.Standing == Left {
		delete(l.told, key)
		return
	}
	if l.told == nil {
		l.told = map[string]standing{}
	}
	l.told[key] = now
}

// of returns the number of groups of a standing, or nil where none are counted.
func (c *Counts) of(s Standing) *int {
	switch s {
	case Served:
		return &c.Served
	case Refused:
		return &c.Refused
	case Waiting:
		return &c.Waiting
	case Failed:
		return &c.Failed
	default:
		return nil
	}
}

// tell tells of all that changed, in as many parts as the bound of one asks for.
func (l *ledger) tell(cause Cause, latest *Generation, changed []change) {
	slices.SortFunc(changed, change.compare)
	out := GenerationPublished{At: l.now(), Cause: cause, Latest: reading(latest), Counts: l.counts, Changed: len(changed), Parts: max(1, (len(changed)+maxRecorded-1)/maxRecorded)}
	for out.Part = 1; out.Part <= out.Parts; out.Part++ {
		part := changed[(out.Part-1)*maxRecorded : min(len(changed), out.Part*maxRecorded)]
		out.Groups = make([]GroupStanding, 0, len(part))
		for _, c := range part {
			out.Groups = append(out.Groups, c.told())
		}
		l.recorder.Published(out)
	}
}

// compare orders the groups that matter most first.
func (c change) compare(o change) int {
	served := func(c change) int {
		if c.now.Standing == Served || c.now.Standing == Left {
			return 1
		}
		return 0
	}
	return cmp.Or(cmp.Compare(served(c), served(o)), cmp.Compare(c.key, o.key))
}

func (c change) told() GroupStanding {
	out := GroupStanding{Key: c.key, Namespace: c.gateway.Namespace, Standing: c.now.Standing}
	if c.now.Standing == Left {
		return out
	}
	out.Refused, out.Waiting = slices.Clone(c.refused[:min(len(c.refused), maxReasons)]), slices.Clone(first(c.waiting))
	if c.published {
		out.Serving = reading(c.serving)
	}
	out.Rekeyed = c.was.serving == c.now.serving && c.was.rekeyed != c.now.rekeyed
	return out
}
