package differential

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// connection is one of HTTP/2 on which one request comes after the other, until the gateway ends it.
type connection struct {
	net.Conn
	framer  *http2.Framer
	encoder *hpack.Encoder
	block   bytes.Buffer
	// name is that of the connection in the log. No other has its client's address.
	name    string
	streams []stream
}

// alone sends each request over a connection of its own, all at once: Envoy takes a second to end one.
func (l *laboratory) alone(t *trial, lists [][]hpack.HeaderField) []*connection {
	l.Helper()
	out := make([]*connection, len(lists))
	faults := make([]error, len(lists))
	var working sync.WaitGroup
	for i := range lists {
		working.Go(func() { out[i], faults[i] = converse(l.Context(), t, i, lists[i:i+1]) })
	}
	working.Wait()
	must(l, errors.Join(faults...))
	return out
}

// together sends requests over one connection, but for those that end it, as was seen when they were sent alone.
func (l *laboratory) together(t *trial, sent []*connection) *connection {
	l.Helper()
	var lists [][]hpack.HeaderField
	for _, c := range sent {
		if s := &c.streams[0]; s.status != 0 {
			lists = append(lists, s.fields[:len(s.fields)-1])
		}
	}
	out, err := converse(l.Context(), t, len(sent), lists)
	must(l, err)
	return out
}

// connect opens the connection of a number.
func connect(ctx context.Context, t *trial, number int) (*connection, error) {
	conn, err := dial(ctx, fmt.Sprintf("127.%d.%d.%d", t.number+1, number/250, number%250+1), t.ip()+":8080")
	if err != nil {
		return nil, err
	}
	c := &connection{Conn: conn, name: fmt.Sprintf("%s %s", conn.LocalAddr(), conn.RemoteAddr()), framer: http2.NewFramer(conn, conn)}
	c.encoder = hpack.NewEncoder(&c.block)
	c.framer.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	_, prefaced := io.WriteString(conn, http2.ClientPreface)
	return c, errors.Join(conn.SetDeadline(time.Now().Add(5*time.Second)), prefaced, c.framer.WriteSettings(), c.framer.WriteWindowUpdate(0, 1<<30)) // for the bodies of all answers
}

// converse sends one request after the other until the connection ends, of which the last has had its answer, or none.
func converse(ctx context.Context, t *trial, number int, lists [][]hpack.HeaderField) (*connection, error) {
	c, err := connect(ctx, t, number)
	if err != nil {
		return nil, err
	}
	for i, fields := range lists {
		s := stream{trial: t, name: fmt.Sprintf("%s-%d", c.LocalAddr(), i)}
		s.client = c.LocalAddr().(*net.TCPAddr).AddrPort()
		s.fields = append(fields[:len(fields):len(fields)], hpack.HeaderField{Name: "x-case", Value: s.name})
		err := c.exchange(uint32(2*i+1), &s) //nolint:gosec // some hundreds
		c.streams = append(c.streams, s)
		if err != nil {
			break
		}
	}
	return c, c.Close()
}

// exchange sends a request and reads its answer. It fails where the connection has ended.
func (c *connection) exchange(id uint32, s *stream) error {
	c.block.Reset()
	for _, f := range s.fields {
		if err := c.encoder.WriteField(f); err != nil {
			return err
		}
	}
	if err := c.framer.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: c.block.Bytes(), EndStream: true, EndHeaders: true}); err != nil {
		return err
	}
	for {
		frame, err := c.framer.ReadFrame()
		if err != nil {
			return err
		}
		if ended, err := s.take(frame, id); ended || err != nil {
			return err
		}
	}
}

// take takes what a frame has of the answer to a request, and reports whether that is its end.
func (s *stream) take(frame http2.Frame, id uint32) (ended bool, err error) {
	if goAway, ok := frame.(*http2.GoAwayFrame); ok {
		return true, fmt.Errorf("the gateway goes away: %v", goAway.ErrCode)
	}
	if frame.Header().StreamID != id {
		return false, nil
	}
	switch f := frame.(type) {
	case *http2.RSTStreamFrame:
		return true, nil
	case *http2.MetaHeadersFrame:
		s.answer(f.Fields)
		return f.StreamEnded(), nil
	case *http2.DataFrame:
		s.body += string(f.Data())
		return f.StreamEnded(), nil
	}
	return false, nil
}
