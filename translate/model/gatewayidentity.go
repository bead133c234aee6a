package model

import "github.com/portreeve/portreeve/translate/diag"

// GatewayIdentity says what gateways that have proved who they are may be. It is one object of the kind
// GatewayIdentity that no error touches. It is immutable.
type GatewayIdentity struct {
	// Principals are SPIFFE IDs, such as spiffe://cluster.local/ns/edge/gateway/edge-1; one that ends with
	// /* stands for every ID below it. No two objects have the same one.
	Principals []string
	// DNSNames are DNS names of certificates, in lower case and without wildcards.
	DNSNames []string
	// UIDs are users of this machine, at the other end of a Unix socket.
	UIDs []uint32
	// Grant says how Gateway counts.
	Grant Grant
	// Gateway is the namespace and the labels. It has no locality: what a node says of that stays.
	Gateway Gateway
	// Origin is where the object stands.
	Origin diag.Position
}

// Grant says what a mapping makes of what a node claims.
type Grant string

const (
	// Exactly lets a node claim the namespace and the labels, all of them and no others.
	Exactly Grant = "EXACTLY"
	// AtMost lets a node claim the namespace and any of the labels.
	AtMost Grant = "AT_MOST"
	// Assign gives a gateway the namespace and the labels, whatever its node claims.
	Assign Grant = "ASSIGN"
)
