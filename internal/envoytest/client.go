package envoytest

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"syscall"
	"time"
)

// answerBound is how long an answer may take when the request's context has no deadline.
const answerBound = 10 * time.Second

// ErrServerClosed is what an error of Client.Do wraps when the server closed the connection.
var ErrServerClosed = errors.New("the server closed the connection")

// Client speaks HTTP/1.1 on one TCP connection, which it never replaces: when the server closes
// it, that shows. It is for one goroutine at a time.
type Client struct {
	conn   net.Conn
	reader *bufio.Reader
	closed bool
}

// Answer is an answer that was read to its end.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
	// Closing is set when the server announced that it closes the connection after this answer.
	Closing bool
}

// Dial opens the connection to host:port. The caller closes it with Close.
func Dial(ctx context.Context, address string) (*Client, error) {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("dial %s: %w", address, err)
	}
	return &Client{conn: conn, reader: bufio.NewReader(conn)}, nil
}

// Do sends a request on the connection and reads the answer. It waits until the deadline of the
// request's context, or for ten seconds. The error wraps ErrServerClosed when the connection
// was closed by the server, before the request or during it. After any error the client is of
// no more use.
func (c *Client) Do(req *http.Request) (*Answer, error) {
	deadline, ok := req.Context().Deadline()
	if !ok {
		deadline = time.Now().Add(answerBound)
	}
	if err := c.conn.SetDeadline(deadline); err != nil {
		return nil, fmt.Errorf("set a deadline: %w", err)
	}
	if err := req.Write(c.conn); err != nil {
		return nil, fmt.Errorf("write the request: %w", c.explain(err))
	}
	resp, err := http.ReadResponse(c.reader, req)
	if err != nil {
		return nil, fmt.Errorf("read the answer: %w", c.explain(err))
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, fmt.Errorf("read the body: %w", c.explain(err))
	}
	return &Answer{Status: resp.StatusCode, Header: resp.Header, Body: body, Closing: resp.Close}, nil
}

// Get sends a GET request for a URL, with header names and values in turn.
func (c *Client) Get(ctx context.Context, url string, header ...string) (*Answer, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, fmt.Errorf("make a request: %w", err)
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Add(header[i], header[i+1])
	}
	return c.Do(req)
}

// ServerClosed says whether the server has closed the connection, also since the last answer.
func (c *Client) ServerClosed() bool {
	if c.closed {
		return true
	}
	if err := c.conn.SetReadDeadline(time.Now().Add(time.Millisecond)); err != nil {
		return true
	}
	if _, err := c.reader.Peek(1); err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
		c.closed = true
	}
	return c.closed
}

// Close closes the connection.
func (c *Client) Close() error { return c.conn.Close() }

// explain adds ErrServerClosed to an error that tells of it.
func (c *Client) explain(err error) error {
	for _, sign := range []error{io.EOF, io.ErrUnexpectedEOF, syscall.ECONNRESET, syscall.EPIPE} {
		if errors.Is(err, sign) {
			c.closed = true
			return fmt.Errorf("%w: %w", ErrServerClosed, err)
		}
	}
	return err
}
