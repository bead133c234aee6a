// Package audit keeps a record of what happened to policy: who changed what, what gateways were given and when, what was
// refused. Sources make Events and hand them to a Recorder, which gives each its place in one order and hands it, as a
// line that is chained to the one before, to every sink.
//
// An event holds no key, token or other secret, and nothing in it is without a bound: Bounded cuts what is longer.
package audit

import "time"

// Type says what happened. The type of the CloudEvent is TypePrefix and it.
type Type string

// TypePrefix begins the type of every CloudEvent.
const TypePrefix = "io.portreeve."

// The types of events.
const (
	// PlaneStarted and PlaneStopped: the control plane, with its version and its flags.
	PlaneStarted Type = "plane.started"
	PlaneStopped Type = "plane.stopped"
	// GenerationRead: the files were read and compiled. It comes before anything of it is served.
	GenerationRead Type = "generation.read"
	// GenerationPublished: what groups of gateways were given of a generation, or why not.
	GenerationPublished Type = "generation.published"
	// GatewayConnected, GatewayDisconnected, GatewayRefused: a stream of a gateway opened, ended, was refused.
	GatewayConnected    Type = "gateway.connected"
	GatewayDisconnected Type = "gateway.disconnected"
	GatewayRefused      Type = "gateway.refused"
	// ResponseRefused: a gateway refused what it was sent (NACK). ResponseAccepted: it took what it had refused.
	ResponseRefused  Type = "response.refused"
	ResponseAccepted Type = "response.accepted"
	// KeysRotated: the keys of an issuer are others than before. KeysFailed, KeysFetched: they cannot be fetched any more, and
	// can again.
	KeysRotated Type = "keys.rotated"
	KeysFailed  Type = "keys.failed"
	KeysFetched Type = "keys.fetched"
	// CertificateChanged: a certificate that is served, or by which gateways are served, is another than before.
	CertificateChanged Type = "certificate.changed"
	// RolesChanged: the file that says who may see the admin interface holds something else than before.
	RolesChanged Type = "admin.roles.changed"
	// AdminRefused: a request to the admin interface was refused, by who called and why.
	AdminRefused Type = "admin.refused"
	// SinkFailed and SinkRecovered: a sink takes no events, and takes them again. EventsLost: events that a sink will never get.
	SinkFailed    Type = "audit.sink.failed"
	SinkRecovered Type = "audit.sink.recovered"
	EventsLost    Type = "audit.lost"
	// ChainRecovered: a line that was cut short by a crash was taken off. ChainPruned: old files are about to be removed.
	// ChainSigned: the head of the chain, with a signature.
	ChainRecovered Type = "audit.recovered"
	ChainPruned    Type = "audit.pruned"
	ChainSigned    Type = "audit.signed"
)

// Types returns all types of events.
func Types() []Type {
	return []Type{
		PlaneStarted, PlaneStopped, GenerationRead, GenerationPublished, GatewayConnected, GatewayDisconnected, GatewayRefused,
		ResponseRefused, ResponseAccepted, KeysRotated, KeysFailed, KeysFetched, CertificateChanged, RolesChanged, AdminRefused,
		SinkFailed, SinkRecovered, EventsLost, ChainRecovered, ChainPruned, ChainSigned,
	}
}

// Outcome says how it went.
type Outcome string

// The outcomes. Served is success, of a generation.
const (
	Success Outcome = "success"
	Served  Outcome = "served"
	Refused Outcome = "refused"
	Waiting Outcome = "waiting"
	Failure Outcome = "failure"
)

// Event is one thing that happened. It is a value: nobody changes it after it was recorded.
type Event struct {
	Type Type
	// Time is when it happened; the recorder sets it where it is zero.
	Time time.Time
	// Subject names what it is about: a generation by its hash, a gateway by its node, an issuer, a certificate, a sink.
	Subject string
	// Key tells, among events of one type and subject, what is asked for again by Require from what is another event. It is not recorded.
	Key     string
	Outcome Outcome
	// Message says it in a sentence, for people.
	Message string
	// Namespaces are those of the objects and of the gateways that it is about, ordered, each once.
	Namespaces []string
	// Objects are those that are written in files and that it is about: what was added, changed and removed, or is refused.
	Objects []Object
	// Actors are who did it, as far as it can be known.
	Actors []Actor
	// More is how many of each it is about, at most, beside those that are listed.
	More Counts
	// Details is what else there is to say: one of the Details types, by value, or nil. It becomes JSON.
	Details any
}

// Object is an object that is written in a file.
type Object struct {
	Kind      string `json:"kind"`
	Namespace string `json:"namespace,omitempty"`
	Name      string `json:"name"`
	// File, Line and Column say where it is written, or was.
	File   string `json:"file,omitempty"`
	Line   int    `json:"line,omitempty"`
	Column int    `json:"column,omitempty"`
	// Change is added, changed or removed; empty where it did not change.
	Change string `json:"change,omitempty"`
}

// Actor is who changed a file.
type Actor struct {
	// File is the file that was changed, or a directory.
	File string `json:"file"`
	// Commit, Author and AuthorTime are of the commit that the directory's git has checked out, and Committed says that
	// it holds the file as it was read. Without Committed the author of the commit is not who wrote what was read.
	Commit     string    `json:"commit,omitempty"`
	Author     string    `json:"author,omitempty"`
	AuthorTime time.Time `json:"authorTime,omitzero"`
	Committed  bool      `json:"committed,omitempty"`
	// Owner is the user who owns the file, by name or else by number.
	Owner string `json:"owner,omitempty"`
}

// Meaning is what an edit does to access, where that was worked out.
type Meaning struct {
	// Widened and Narrowed say whether some request is allowed that was not, or the other way round.
	Widened  bool `json:"widened"`
	Narrowed bool `json:"narrowed"`
	// Witness is a request for which that is so.
	Witness string `json:"witness,omitempty"`
}
