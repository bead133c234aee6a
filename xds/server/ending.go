package server

import (
	"time"

	"google.golang.org/grpc/codes"
	grpcstatus "google.golang.org/grpc/status"

	"github.com/portreeve/portreeve/xds/identity"
)

// The connection of a stream that ended for good is closed when nothing was written on it for partingQuiet
// after that, and at the latest after partingMost: the gateway would go on with the certificate
// of that connection. What is written last is why the stream has ended.
const (
	partingQuiet = 50 * time.Millisecond
	partingMost  = time.Second
)

// cut ends the stream for good. A gateway that does not read cannot hold it up: then its connection
// is closed all the same.
func (s *session) cut() {
	if s.conn != nil {
		s.conn.parting.Store(true)
		time.AfterFunc(farewell, func() { _ = s.conn.Close() })
	}
	s.end()
}

// ending puts on record why the stream ends although its gateway would go on.
func (s *session) ending(kind, id, reason string) {
	if kind != "" {
		s.server.refused.note(Refusal{Kind: kind, Peer: s.address, Node: id, Identity: s.rights.proof.String(), Reason: reason})
		return
	}
	if more, ok := s.server.disconnects.limit.Take(""); ok {
		s.logger.Info("gateway is to connect again", append([]any{"node", id, "identity", s.rights.proof.String(), "reason", reason}, more...)...)
	}
}

// result ends what watched over the stream, and returns what the gateway is told.
func (s *session) result(err error) error {
	over := s.rights.ended()
	s.rights.close()
	if over == nil {
		return err
	}
	if s.conn != nil {
		s.conn.part()
	}
	return over
}

// keyless returns what is called when the gateway would get keys, or nil where it may have them.
func (s *session) keyless() func() {
	if s.rights.proof.Transport != identity.Plain {
		return nil
	}
	return func() {
		s.rights.deny("plaintext", grpcstatus.Error(codes.PermissionDenied,
			"what the gateway is served holds a private or symmetric key, which is not sent in plain text: use mutual TLS (--xds-tls-cert), or have the gateway read the key from a file of its own"))
	}
}

// Write writes, and notes when.
func (c *conn) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	c.wrote.Store(time.Now().UnixNano())
	return n, err
}

// part closes the connection when the end of its last stream is written.
func (c *conn) part() {
	began := time.Now()
	var look func()
	look = func() {
		wrote := time.Unix(0, c.wrote.Load())
		if written := wrote.After(began) && time.Since(wrote) >= partingQuiet; written || time.Since(began) >= partingMost {
			_ = c.Close()
			return
		}
		time.AfterFunc(partingQuiet, look)
	}
	time.AfterFunc(partingQuiet, look)
}
