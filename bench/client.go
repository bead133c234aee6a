package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
)

// client sends one request again and again on a connection of its own.
type client struct {
	conn    net.Conn
	reader  *bufio.Reader
	request []byte
}

// dial connects to a port, where a gateway may not listen yet.
func dial(ctx context.Context, port int, path, token string) (*client, error) {
	request := fmt.Sprintf("GET %s HTTP/1.1\r\nhost: 127.0.0.1\r\n", path)
	if token != "" {
		request += "authorization: Bearer " + token + "\r\n"
	}
	c := &client{request: []byte(request + "\r\n")}
	err := until(ctx, time.Millisecond, func() (bool, error) {
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err == nil {
			c.conn, c.reader = conn, bufio.NewReader(conn)
		}
		return err == nil, nil
	})
	if err != nil {
		return nil, fmt.Errorf("connect to the gateway: %w", err)
	}
	return c, nil
}

// ask sends the request and returns the status of the answer. A connection that is closed is an error: none of
// what is measured closes any.
func (c *client) ask() (int, error) {
	if err := c.conn.SetDeadline(time.Now().Add(bound)); err != nil {
		return 0, err
	}
	if _, err := c.conn.Write(c.request); err != nil {
		return 0, err
	}
	response, err := http.ReadResponse(c.reader, nil)
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	_, err = io.Copy(io.Discard, response.Body)
	return response.StatusCode, err
}

// between is the time between two questions of untilStatus: without it the questions would take the processor from
// those who are measured.
const between = 200 * time.Microsecond

// untilStatus asks until the answer has a status.
func (c *client) untilStatus(want int) error {
	tick := time.NewTicker(between)
	defer tick.Stop()
	for began := time.Now(); ; <-tick.C {
		got, err := c.ask()
		switch {
		case err != nil:
			return err
		case got == want:
			return nil
		case time.Since(began) > bound:
			return fmt.Errorf("the answer is %d and not %d after %s", got, want, bound)
		}
	}
}
