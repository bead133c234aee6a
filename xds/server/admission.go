package server

import (
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	"google.golang.org/grpc/codes"
	grpcstatus "google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/portreeve/portreeve/xds/ack"
	"github.com/portreeve/portreeve/xds/identity"
	"github.com/portreeve/portreeve/xds/node"
	"github.com/portreeve/portreeve/xds/rollout"
)

// admit takes the node of a request. The first one says who the gateway is; a stream cannot become
// another gateway later. A node that cannot be understood, or whose Envoy is not fit, is refused: it
// is served nothing.
func (s *session) admit(n *corev3.Node) error {
	if n != nil && s.node != nil {
		n.Extensions = nil
	}
	if s.record != nil && (n == nil || proto.Equal(n, s.node)) {
		return nil
	}
	id, err := node.Parse(n)
	switch {
	case err != nil:
		return s.refuse("node", codes.InvalidArgument, n, err.Error())
	case s.record == nil:
		return s.enter(n, id)
	case id.ID != s.claimed.ID || id.Group.Key != s.claimed.Group.Key || id.Envoy != s.claimed.Envoy:
		return s.refuse("node", codes.InvalidArgument, n, "the node changed during the stream, want that of the first request")
	default:
		return nil
	}
}

// enter lets a gateway in, as what its identity allows. It is refused before anything is looked up for it:
// who is not who it says must learn nothing, and an Envoy that drops what it does not know fails open.
func (s *session) enter(n *corev3.Node, claimed node.Identity) error {
	id, err := s.rights.claim(claimed)
	if err != nil {
		s.denied()
		return err
	}
	unfit := id.Envoy.Unfit()
	if unfit != "" && !s.server.options.AllowUntestedEnvoy {
		return s.refuse("envoy", codes.FailedPrecondition, n, unfit)
	}
	if err := s.place(n, id.Group.Key); err != nil {
		return err
	}
	s.accept()
	// What the binary can do is most of a node, and nobody asks for it.
	n.Extensions = nil
	if s.protocol == ack.Delta {
		n = &corev3.Node{Id: n.GetId()} // it comes once, and thousands of them are kept
	}
	s.node, s.claimed, s.identity = n, claimed, id
	d, before, err := s.server.join(s.fleet, id.Group, s.redelivery, s.keyless())
	if err != nil {
		// The stream was counted in, and close counts it out.
		s.logger.Error("cannot serve gateway", "node", id.ID, "error", err)
	}
	if err := s.rights.ended(); err != nil {
		// It lost its rights meanwhile, or may not have the keys: it was never here.
		s.server.leave(s.fleet, id.Group, d)
		return err
	}
	s.delivery = d
	s.mayHave(before)
	s.opens()
	s.rights.lives(d.settled)
	s.warnOfEnvoy(unfit)
	return nil
}

// place takes a place for a gateway of a group, or refuses it.
func (s *session) place(n *corev3.Node, group string) error {
	wasHere := s.server.newcomers.knows(group, s.fleet.Known)
	take := s.server.places.takeNew
	if wasHere {
		take = s.server.places.take
	}
	if s.placed = take(); !s.placed {
		return s.refuse("streams", codes.ResourceExhausted, n, "this replica serves as many gateways as it may: connect to another one, or see --xds-max-streams")
	}
	if !s.server.newcomers.admits(s.brings(), group, func(string) bool { return wasHere }) {
		return s.refuse("groups", codes.ResourceExhausted, n, "too many groups that were never here before come with this certificate, or from this address: more may come in a minute, see --new-groups-per-minute")
	}
	return nil
}

// brings is who is held to a number of new groups: the owner of the certificate, which was verified, else the
// address. A fleet behind one address that is given other groups at one time is let in so.
func (s *session) brings() string {
	if proof := s.rights.proof; proof.Transport == identity.TLS {
		return proof.String()
	}
	return s.peer.String()
}

// opens puts on record that the gateway is there.
func (s *session) opens() {
	id, proved := s.identity, s.rights.proof.String()
	s.record = s.server.options.Acks.Open(ack.Peer{
		Node: id.ID, Group: id.Group.Key, Address: s.address, Identity: proved, CertificateEnds: s.rights.proof.Until(), Protocol: s.protocol, Envoy: id.Envoy.String(),
	})
	s.delivery.record.Store(s.record)
	if line, ok := s.server.connects.line(id); ok {
		s.logger.Info("gateway connected", append(line, "identity", proved)...)
	}
}

// mayHave notes the generations of which the gateway may have something. In delta it says so itself.
func (s *session) mayHave(before []*rollout.Generation) {
	if s.protocol != ack.SotW {
		return
	}
	s.before = map[string][]*rollout.Part{}
	for _, g := range before {
		for _, url := range rollout.Order() {
			if p := g.Part(url); p != nil {
				s.before[url] = append(s.before[url], p)
			}
		}
	}
}

// warnOfEnvoy logs that the gateway's Envoy is none that was tested; unfit is why it would be
// refused if nobody had allowed it.
func (s *session) warnOfEnvoy(unfit string) {
	switch {
	case unfit != "":
		s.logger.Warn("gateway is served although its Envoy may ignore parts of the policy", "node", s.identity.ID, "reason", unfit)
	case s.identity.Envoy.Untested():
		s.logger.Warn("gateway's Envoy is newer than those that were tested", "node", s.identity.ID, "envoy", s.identity.Envoy, "tested", node.Tested())
	}
}

// accept notes that the peer has said who it is.
func (s *session) accept() {
	s.said.Store(true)
	if s.conn != nil {
		s.conn.admit()
	}
}

// hurry ends the stream where no node comes in time. On a connection of which no node was
// accepted yet, its own deadline counts, which knows of waiting.
func (s *session) hurry() {
	time.AfterFunc(s.server.options.FirstRequest, func() {
		switch {
		case s.said.Load() || s.serving.Err() != nil:
		case s.conn != nil && !s.conn.admitted.Load():
			s.hurry()
		default:
			s.server.refused.note(Refusal{Kind: "strangers", Peer: s.address, Identity: s.rights.proof.String(), Reason: "no node came in time"})
			s.end()
		}
	})
}

func (s *session) refuse(kind string, code codes.Code, n *corev3.Node, reason string) error {
	s.server.refused.note(Refusal{Kind: kind, Peer: s.address, Node: n.GetId(), Identity: s.rights.proof.String(), Reason: reason})
	s.denied()
	return grpcstatus.Error(code, reason)
}

// denied gives on the turn of a stranger that is refused.
func (s *session) denied() {
	if s.record == nil && s.conn != nil {
		s.conn.refused()
	}
}
