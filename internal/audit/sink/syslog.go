package sink

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/leodido/go-syslog/v4/rfc5424"

	"github.com/portreeve/portreeve/internal/audit"
)

const (
	// maxDatagram is the longest message that goes over udp or unixgram. What is longer is cut.
	maxDatagram = 32 << 10
	// structureID names our structured data. The number is the one for examples: we have none of our own.
	structureID = "portreeve@32473"
)

// facilities are the names of facilities, each at its number.
func facilities() []string {
	return []string{
		"kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv", "ftp",
		"ntp", "security", "console", "clock", "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7",
	}
}

// syslogAddress returns where an address leads.
func syslogAddress(address string) (*url.URL, error) {
	u, err := url.Parse(address)
	want := errors.New("want udp://, tcp:// or tls://HOST:PORT, or unixgram:///PATH")
	if err != nil || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return nil, want
	}
	switch u.Scheme {
	case "unixgram":
		if u.Host != "" || len(u.Path) < 2 {
			return nil, want
		}
	case "udp", "tcp", "tls":
		port, err := strconv.ParseUint(u.Port(), 10, 16)
		if err != nil || port == 0 || u.Hostname() == "" || u.Path != "" {
			return nil, want
		}
	default:
		return nil, want
	}
	return u, nil
}

// syslog delivers messages of RFC 5424: a line each, over tcp and tls with their length in front (RFC 6587, RFC 5425).
type syslog struct {
	to       *url.URL
	facility uint8
	host     string
	tls      *tls.Config
	conn     net.Conn
	// gone is closed when the receiver has closed the connection: what is written then is lost without an error.
	gone chan struct{}
}

func newSyslog(c Syslog, _ Options) (Deliverer, error) {
	to, err := syslogAddress(c.Address)
	if err != nil {
		return nil, err
	}
	config, err := c.TLS.config()
	if err != nil {
		return nil, err
	}
	config.ServerName = to.Hostname()
	host, err := os.Hostname()
	if err != nil {
		host = "-"
	}
	return &syslog{to: to, facility: uint8(slices.Index(facilities(), c.Facility)), host: host, tls: config}, nil
}

// Deliver implements Deliverer. Syslog has no answer: nil says that the system has taken the messages.
func (s *syslog) Deliver(ctx context.Context, lines []audit.Line) error {
	if err := s.connect(ctx); err != nil {
		return err
	}
	conn := s.conn
	deadline, _ := ctx.Deadline()
	if err := conn.SetWriteDeadline(deadline); err != nil {
		return errors.Join(err, s.Close())
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.SetWriteDeadline(time.Unix(1, 0)) })
	defer stop()
	for _, line := range lines {
		message, err := s.message(line)
		if err != nil {
			return &refusal{text: err.Error(), blame: theEvents}
		}
		if _, err := conn.Write(message); err != nil {
			return errors.Join(err, s.Close())
		}
	}
	return nil
}

// connect makes a connection where there is none that is alive.
func (s *syslog) connect(ctx context.Context) error {
	if s.conn != nil {
		select {
		case <-s.gone:
			_ = s.Close() // it is closed on the other side
		default:
			return nil
		}
	}
	ctx, cancel := context.WithTimeout(ctx, requestWithin)
	defer cancel()
	var err error
	switch s.to.Scheme {
	case "tls":
		s.conn, err = (&tls.Dialer{Config: s.tls}).DialContext(ctx, "tcp", s.to.Host)
	case "unixgram":
		s.conn, err = (&net.Dialer{}).DialContext(ctx, "unixgram", s.to.Path)
	default:
		s.conn, err = (&net.Dialer{}).DialContext(ctx, s.to.Scheme, s.to.Host)
	}
	if err != nil {
		s.conn = nil
		return err
	}
	s.gone = make(chan struct{})
	if s.streams() {
		go watch(s.conn, s.gone)
	}
	return nil
}

// watch reads what a receiver has no reason to send, until it closes the connection.
func watch(conn net.Conn, gone chan<- struct{}) {
	_, _ = io.Copy(io.Discard, conn)
	close(gone)
}

func (s *syslog) streams() bool { return s.to.Scheme == "tcp" || s.to.Scheme == "tls" }

// message returns a line as it is sent.
func (s *syslog) message(line audit.Line) ([]byte, error) {
	e := read(line)
	body := string(line.Bytes)
	m := &rfc5424.SyslogMessage{}
	m.SetVersion(1)
	m.SetPriority(s.facility*8 + syslogSeverity(e.Data.Severity))
	m.SetTimestamp(e.Time.UTC().Format("2006-01-02T15:04:05.000000Z07:00"))
	m.SetHostname(s.host)
	m.SetAppname("portreeve")
	m.SetProcID(strconv.Itoa(os.Getpid()))
	m.SetMsgID(messageID(e.Type))
	m.SetParameter(structureID, "sequence", e.Sequence)
	m.SetParameter(structureID, "chainhash", e.ChainHash)
	if !s.streams() && len(body) > maxDatagram {
		body = cut(body, maxDatagram)
		m.SetParameter(structureID, "cut", "true")
	}
	m.SetMessage(body)
	text, err := m.String()
	if err != nil {
		return nil, fmt.Errorf("it cannot be written as syslog: %w", err)
	}
	if s.streams() {
		text = strconv.Itoa(len(text)) + " " + text
	}
	return []byte(text), nil
}

// messageID is the type of an event, within the bounds of the field.
func messageID(eventType string) string {
	id := strings.TrimPrefix(eventType, audit.TypePrefix)
	if id == "" {
		return "-"
	}
	return id[:min(len(id), 32)]
}

// cut cuts a text to so many bytes, between characters.
func cut(text string, most int) string {
	if len(text) <= most {
		return text
	}
	for most > 0 && !utf8.RuneStart(text[most]) {
		most--
	}
	return text[:most]
}

// syslogSeverity is the severity of syslog of one of OCSF.
func syslogSeverity(ocsf int) uint8 {
	switch {
	case ocsf >= critical:
		return 2
	case ocsf == high:
		return 3
	case ocsf == medium:
		return 4
	case ocsf == low:
		return 5
	}
	return 6
}

// Close implements Deliverer.
func (s *syslog) Close() error {
	if s.conn == nil {
		return nil
	}
	err := s.conn.Close()
	s.conn = nil
	return err
}
