// Package ack keeps what every discovery stream was sent, what its gateway accepted and what it
// refused, as values for status, log and metrics.
package ack

import (
	"time"

	"github.com/portreeve/portreeve/translate/diag"
)

// Protocol is the variant of the discovery protocol that a stream speaks.
type Protocol string

const (
	// SotW is state-of-the-world: a response holds every resource of its type.
	SotW Protocol = "sotw"
	// Delta is incremental: a response holds what changed.
	Delta Protocol = "delta"
)

// Peer is who is at the other end of a stream.
type Peer struct {
	// Node is the id of the Envoy node. Two streams may carry the same one.
	Node string `json:"node"`
	// Group is the key of the group whose snapshot the stream is served.
	Group string `json:"group"`
	// Address is the remote address of the connection.
	Address string `json:"address"`
	// Identity is what the connection has proved of who it is: spiffe://…, dns:… or uid 101 (pid 42). It is
	// empty where nothing was.
	Identity string `json:"identity"`
	// CertificateEnds is when the certificate of the connection ends, and the stream with it; the zero time where it has none.
	CertificateEnds time.Time `json:"certificateEnds,omitzero"`
	// Envoy is the release that the node says it is; empty where it does not.
	Envoy string `json:"envoy"`
	// Protocol is what the stream speaks.
	Protocol Protocol `json:"protocol"`
}

// Gateway is the state of one open stream.
type Gateway struct {
	Peer
	// Since is when the stream presented its node.
	Since time.Time `json:"connectedSince"`
	// Types are the types that the gateway was sent or said to have, in the order of delivery.
	Types []Type `json:"types"`
}

// State says how a gateway stands to what it was sent.
type State string

const (
	// Accepted means that the gateway took all that it was sent.
	Accepted State = "accepted"
	// Pending means that an answer is due.
	Pending State = "pending"
	// Refused means that the gateway refused a resource and has not yet accepted a newer one: it
	// stays on what it had.
	Refused State = "refused"
)

// Type is the state of one resource type on a stream.
type Type struct {
	// URL and Name are the type, such as Name "ECDS".
	URL   string `json:"typeUrl"`
	Name  string `json:"name"`
	State State  `json:"state"`
	// Sent is the last response; its version is that of the type in the snapshot.
	Sent Response `json:"sent"`
	// Accepted is the version of the last response that was accepted, or that the gateway
	// had when it connected. It is empty when there is none.
	Accepted string `json:"accepted"`
	// Refusal is the last refusal on this stream, kept after it was made good; State says whether it stands.
	Refusal *Refusal `json:"refusal,omitempty"`
	// Count is how many resources there are. Resources are at most 100 of them, those that are
	// refused first, then those that are not what was sent; they are ordered by name.
	Count     int        `json:"resourceCount"`
	Resources []Resource `json:"resources"`
}

// Response names a response that was sent. It is zero when nothing was.
type Response struct {
	Version string    `json:"version"`
	Nonce   string    `json:"nonce"`
	At      time.Time `json:"at"`
}

// Refusal is a NACK.
type Refusal struct {
	// Version is the refused one.
	Version string    `json:"version"`
	At      time.Time `json:"at"`
	// Message is what Envoy said, cut at 8 KiB.
	Message string `json:"message"`
	// Resources are the names of sent resources that stand in the message; the only resource of
	// the response, if it had just one. It is empty where the message names none, and has at most 100.
	Resources []string `json:"resources"`
	// Origins are the places in the files that the refused version was made of: those of the rules that
	// the message names, or else of the resources, of all that were sent where it names none. They have
	// at most 100.
	Origins []diag.Position `json:"origins,omitempty"`
	// Again says that the gateway has said the same of the same content before, and stands by it.
	Again bool `json:"-"`
}

// Resource is the state of one resource. In delta its versions are its own, in state-of-the-world
// those of its type. The versions are equal when the gateway has what it was sent.
type Resource struct {
	Name string `json:"name"`
	// Sent is the version sent last; empty if it was only announced by the gateway or is being removed.
	Sent string `json:"sent"`
	// Accepted is the version that the gateway is known to have; empty if none.
	Accepted string `json:"accepted"`
	// Refused is the version that was refused, until a newer one is accepted.
	Refused string `json:"refused,omitempty"`
}

// Event tells an observer what happened on a stream.
type Event struct {
	Kind Kind
	Peer Peer
	// URL and Name are the type; empty where the stream as a whole is meant.
	URL, Name string
	// Version is that of the response that was sent, accepted or refused.
	Version string
	// Resources are the names in that response, ordered.
	Resources []string
	// Mended are, of ResponseAccepted, the names that the gateway had refused and takes now, ordered.
	Mended []string
	// Refusal is there for ResponseRefused only.
	Refusal *Refusal
}

// Kind is what an Event tells.
type Kind string

const (
	// Connected: the stream presented a node that was understood.
	Connected Kind = "connected"
	// ResponseSent: a response is about to be written.
	ResponseSent Kind = "sent"
	// ResponseAccepted: the gateway accepted a response.
	ResponseAccepted Kind = "accepted"
	// ResponseRefused: the gateway refused a response.
	ResponseRefused Kind = "refused"
	// Disconnected: the stream ended; the store has forgotten it.
	Disconnected Kind = "disconnected"
)

// stateOf works out the state of a type: a standing refusal outweighs an answer that is due.
func stateOf(due int, refused bool) State {
	switch {
	case refused:
		return Refused
	case due > 0:
		return Pending
	default:
		return Accepted
	}
}
