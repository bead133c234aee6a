package sink

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"net"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	leodido "github.com/leodido/go-syslog/v4"
	"github.com/leodido/go-syslog/v4/octetcounting"
	"github.com/leodido/go-syslog/v4/rfc5424"

	"github.com/portreeve/portreeve/internal/audit"
)

func logging(t *testing.T, c Syslog) Deliverer {
	t.Helper()
	if c.Facility == "" {
		c.Facility = "local0"
	}
	d, err := newSyslog(c, Options{})
	must(t, err)
	t.Cleanup(func() { _ = d.Close() })
	return d
}

func within20s(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), bound)
	t.Cleanup(cancel)
	return ctx
}

// receiving returns the messages that come over connections of a listener, until it is closed.
func receiving(t *testing.T, l net.Listener) <-chan *rfc5424.SyslogMessage {
	t.Helper()
	out, done := make(chan *rfc5424.SyslogMessage, 100), make(chan struct{})
	t.Cleanup(func() { _ = l.Close(); <-done })
	go func() {
		defer close(done)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			octetcounting.NewParser(leodido.WithMaxMessageLength(1<<20), leodido.WithListener(func(r *leodido.Result) {
				if m, ok := r.Message.(*rfc5424.SyslogMessage); ok && r.Error == nil {
					out <- m
				}
			})).Parse(conn)
			_ = conn.Close()
		}
	}()
	return out
}

func message(t *testing.T, from <-chan *rfc5424.SyslogMessage) *rfc5424.SyslogMessage {
	t.Helper()
	select {
	case m := <-from:
		return m
	case <-time.After(bound):
		t.Fatal("no message comes")
		return nil
	}
}

func TestALineIsAMessageOfRFC5424(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	got := receiving(t, l)
	d := logging(t, Syslog{Address: "tcp://" + l.Addr().String(), Facility: "auth"})
	lines := []audit.Line{of(1, audit.GenerationRead, "refused", medium), of(2, audit.PlaneStarted, "success", informational)}
	must(t, d.Deliver(within20s(t), lines))
	m := message(t, got)
	type seen struct {
		Facility, Severity uint8
		App, ID, Message   string
		Data               map[string]map[string]string
		Time               string
	}
	want := seen{4, 4, "portreeve", "generation.read", string(lines[0].Bytes),
		map[string]map[string]string{structureID: {"sequence": strings.Repeat("0", 19) + "1", "chainhash": strings.Repeat("0", 63) + "1"}}, "2026-01-02T03:04:05.678Z"}
	is := seen{*m.Facility, *m.Severity, *m.Appname, *m.MsgID, *m.Message, *m.StructuredData, m.Timestamp.Format(time.RFC3339Nano)}
	if diff := cmp.Diff(want, is); diff != "" {
		t.Error(diff)
	}
	if m = message(t, got); *m.MsgID != "plane.started" || *m.Severity != 6 {
		t.Errorf("the second is %s of severity %d", *m.MsgID, *m.Severity)
	}
	must(t, d.Close())
}

// TestAConnectionThatIsClosedIsMadeAnew holds also where the receiver closed it and nothing was written since.
func TestAConnectionThatIsClosedIsMadeAnew(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer func() { _ = l.Close() }()
	d := logging(t, Syslog{Address: "tcp://" + l.Addr().String()}).(*syslog)
	for seq := 1; seq <= 3; seq++ {
		must(t, d.Deliver(within20s(t), made(seq, seq)))
		conn, err := l.Accept()
		must(t, err)
		buffer := make([]byte, 4096)
		n, err := conn.Read(buffer)
		must(t, err)
		if !bytes.Contains(buffer[:n], made(seq, seq)[0].Bytes) {
			t.Errorf("got %s", buffer[:n])
		}
		must(t, conn.Close())
		<-d.gone
	}
	must(t, d.Close())
}

func TestALongLineIsCutWhereAMessageIsADatagram(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	l, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	must(t, err)
	defer func() { must(t, l.Close()) }()
	u, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	must(t, err)
	defer func() { must(t, u.Close()) }()
	for address, from := range map[string]net.PacketConn{"unixgram://" + path: l, "udp://" + u.LocalAddr().String(): u} {
		line := audit.Line{Bytes: []byte(`{"type":"io.portreeve.generation.read","sequence":"7","subject":"` + strings.Repeat("ä", maxDatagram) + `"}`)}
		must(t, logging(t, Syslog{Address: address}).Deliver(within20s(t), []audit.Line{line}))
		buffer := make([]byte, 64<<10)
		must(t, from.SetReadDeadline(time.Now().Add(bound)))
		n, _, err := from.ReadFrom(buffer)
		must(t, err)
		parsed, err := rfc5424.NewParser().Parse(buffer[:n])
		must(t, err)
		m := parsed.(*rfc5424.SyslogMessage)
		data := (*m.StructuredData)[structureID]
		if len(*m.Message) > maxDatagram || len(*m.Message) < maxDatagram-1 || data["cut"] != "true" || data["sequence"] != "7" {
			t.Errorf("%s: %d bytes, %v", address, len(*m.Message), data)
		}
	}
}

// TestSyslogOverTLSAsksWhoTheReceiverIs takes the certificate of a test server, which is its own authority.
func TestSyslogOverTLSAsksWhoTheReceiverIs(t *testing.T) {
	server := httptest.NewTLSServer(nil)
	server.Close()
	certificate := server.TLS.Certificates[0]
	leaf, err := x509.ParseCertificate(certificate.Certificate[0])
	must(t, err)
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{certificate}})
	must(t, err)
	got := receiving(t, l)
	err = logging(t, Syslog{Address: "tls://" + l.Addr().String()}).Deliver(within20s(t), made(1, 1))
	if err == nil || !strings.Contains(err.Error(), "unknown authority") {
		t.Errorf("without its authority: %v", err)
	}
	ca := file(t, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: leaf.Raw})))
	d := logging(t, Syslog{Address: "tls://" + l.Addr().String(), TLS: TLSFiles{CAFile: ca}})
	must(t, d.Deliver(within20s(t), made(2, 2)))
	if m := message(t, got); *m.Message != string(made(2, 2)[0].Bytes) {
		t.Errorf("got %s", *m.Message)
	}
	must(t, d.Close())
}

// TestAReceiverThatReadsNothingHoldsADeliveryForItsTime fills what is between.
func TestAReceiverThatReadsNothingHoldsADeliveryForItsTime(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer func() { must(t, l.Close()) }()
	d := logging(t, Syslog{Address: "tcp://" + l.Addr().String()})
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	line := audit.Line{Bytes: bytes.Repeat([]byte("x"), 200<<10)}
	for err == nil {
		err = d.Deliver(ctx, []audit.Line{line, line, line, line, line})
	}
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("it ended by %v", err)
	}
	conn, err := l.Accept()
	must(t, err)
	_, _ = io.Copy(io.Discard, conn)
	must(t, conn.Close())
}
