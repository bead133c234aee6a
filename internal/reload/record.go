package reload

import (
	"context"
	"time"

	"github.com/portreeve/portreeve/translate"
	"github.com/portreeve/portreeve/translate/diag"
)

// Recorder is told of every generation, and of what groups of gateways are served. What it is told is
// immutable and within bounds. Nothing in it is secret but the content of files.
type Recorder interface {
	// Read is told of a generation before anything of it is published. It may wait: no lock is held that a
	// gateway waits for. An error holds the generation back: nothing of it is served, and it is told again.
	// It is called for one generation at a time, in the order of their numbers.
	Read(ctx context.Context, told GenerationRead) error
	// Published is told, after each change, of the groups whose standing is another than was told last. It
	// must not wait, and calls nothing of the reloader: a lock is held that gateways wait for, so that what
	// is told is in the order in which it happened.
	Published(told GenerationPublished)
}

// GenerationRead is what there is to tell of a generation that was read.
type GenerationRead struct {
	Reading
	// Attempt counts from 1 how often this generation was told: again where the record did not take it.
	Attempt int
	// Changes and Files are what it has in place of the generation that was recorded before it, here or
	// by the process before, as far as the state directory knows that.
	Changes translate.Changes
	Files   FileChanges
	// Certificates are those that a Secret of the same name held others of, the first hundred.
	Certificates []CertificateChange
	// Errors, Warnings and FailedTests count what is found, and Findings are the first hundred, errors first.
	Errors, Warnings, FailedTests int
	Findings                      diag.List
}

// GenerationPublished is what groups of gateways that are connected are served.
type GenerationPublished struct {
	At    time.Time
	Cause Cause
	// Latest is the generation that they would be served if it were good for all; nil before there is one.
	Latest *Reading
	// Counts are of all groups that are connected.
	Counts Counts
	// Changed is how many groups have another standing than was told last. All of them are told, a hundred at a time: this
	// is Part, from 1, of so many Parts, and Groups are those of it. Those come first that are not served the latest, then by key.
	Changed, Part, Parts int
	Groups               []GroupStanding
}

// Cause is why groups may be served something else than before.
type Cause string

// The causes.
const (
	// CauseGeneration: a generation was read. It is told also where it changes no group.
	CauseGeneration Cause = "generation"
	// CauseKeys: fetched keys, or the keys that are awaited, are others.
	CauseKeys Cause = "keys"
	// CauseJoined and CauseLeft: the first gateway of a group has come, the last one has gone.
	CauseJoined Cause = "joined"
	CauseLeft   Cause = "left"
	// CauseState: the state directory answered late, and what it kept was taken up.
	CauseState Cause = "state"
)

// Standing is how a group stands to the latest generation.
type Standing string

// The standings.
const (
	// Served: it is served the latest, or, before anything was read, what was kept for it.
	Served Standing = "served"
	// Refused: errors keep the latest from it. Waiting: keys that are awaited do, or nothing was read yet.
	Refused Standing = "refused"
	Waiting Standing = "waiting"
	// Failed: the latest is good for it, and could not be published.
	Failed Standing = "failed"
	// Left: no gateway of it is connected any more.
	Left Standing = "left"
)

// Counts are numbers of groups by their standing.
type Counts struct{ Served, Refused, Waiting, Failed int }

// GroupStanding is how one group stands.
type GroupStanding struct {
	Key, Namespace string
	Standing       Standing
	// Serving is the generation that it is served; nil where it is served none.
	Serving *Reading
	// Refused are the first ten errors that keep the latest from it, and Waiting the first ten sources of
	// keys that do.
	Refused diag.List
	Waiting []string
	// Rekeyed says that it is served the policy that it was served, with other keys.
	Rekeyed bool
}

// The bounds of what is told of a generation, and of one group.
const (
	maxRecorded = 100
	maxReasons  = 10
)
