// Package traffic holds a request, or a connection, as it goes through a gateway, and what is known of it.
// Three things can be the case of any condition: it holds, it fails, or it depends on what the request
// does not say (Condition). Nobody guesses: what is not known is never taken for what lets pass.
package traffic

import (
	"net/netip"
	"time"
)

// Connection is how a client came. Envoy's filters of connections and its HTTP ones see the same.
type Connection struct {
	// Destination is where the listener took it in.
	Destination netip.AddrPort
	// Direct is the address of the connection's other end: Envoy's direct remote address. It is
	// invalid where it is not known.
	Direct netip.AddrPort
	// Remote is the client's address as Envoy works it out (x-forwarded-for, PROXY protocol). It is
	// invalid where it is not known.
	Remote netip.AddrPort
	// TLS says that it is, with what follows; Mutual that a client's certificate was verified.
	TLS, Mutual bool
	// ServerName is the SNI, empty where none was sent. ServerNameUnknown says that it is not known.
	ServerName        string
	ServerNameUnknown bool
	// URIs and DNSNames are the alternative names of the verified certificate, Subject its subject as
	// Envoy writes it (RFC 2253). CertificateUnknown says that whether there is one is not known.
	URIs, DNSNames     []string
	Subject            string
	CertificateUnknown bool
}

// Stream is a request on its way through the filters, which change it. It is for one goroutine.
type Stream struct {
	Connection
	// Headers are as they stand before the next filter. `:path` has its query; QueryUnknown says that
	// the client may have sent one that is not given.
	Headers      Headers
	QueryUnknown bool
	// AbsentParameters are those that are known not to be in that query.
	AbsentParameters []string
	// Metadata is Envoy's dynamic metadata by namespace.
	Metadata map[string]Object
	// State is Envoy's filter state, by name.
	State map[string]Text
	// At is the moment by which tokens are judged.
	At time.Time
	// Trusted are tokens, in their compact form, whose signature is taken for that of the issuer which
	// they name, and what they say. All else about them is judged.
	Trusted map[string]Object
	// RouteCleared says that a filter had the route chosen again.
	RouteCleared bool
	// Findings are all that was found, in the order of the filters.
	Findings []Finding
	// NotLookedAt says what the answer does not take into account.
	NotLookedAt []string
}

// Text is a text that a filter has left. Of one that is not known it is neither known whether it is there.
type Text struct {
	Value   string
	Unknown bool
}

// Object is a JSON object of which fields may be unknown. Values are what encoding/json makes (nil,
// bool, float64 or json.Number, string, []any), Object for an object, Choice, or Unknown.
type Object struct {
	Fields map[string]any
	// Open says that other fields than these may be there.
	Open bool
}

// Unknown stands for a value that is not known.
type Unknown struct{}

// Choice stands for a value that is not known but for what decides it: that of the first case which holds.
// Where none does there is no value. No case holds a Choice.
type Choice []Case

// Case is a value that may be.
type Case struct {
	If    Condition
	Value any
}

// Effect is what a filter does with a request.
type Effect struct {
	// Stops says when the filter answers the request itself: it goes no further.
	Stops Condition
	// Reply is what it answers then. Where Stops is open and answers differ by what is not known,
	// fields that differ are empty.
	Reply Reply
}

// Reply is an answer that the gateway gives itself.
type Reply struct {
	Status  uint32   `json:"status,omitempty"`
	Body    string   `json:"body,omitempty"`
	Headers []Header `json:"headers,omitempty"`
	// Details is Envoy's %RESPONSE_CODE_DETAILS%.
	Details string `json:"details,omitempty"`
	// Flags is Envoy's %RESPONSE_FLAGS%: UAEX, NR.
	Flags string `json:"flags,omitempty"`
}
