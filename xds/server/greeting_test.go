package server

import (
	"io"
	"net"
	"strings"
	"testing"
	"testing/iotest"
)

// said is a connection on which somebody has said something.
type said struct {
	net.Conn
	io.Reader
}

// Read implements net.Conn.
func (s said) Read(p []byte) (int, error) { return s.Reader.Read(p) }

// TestWhoGreetsOtherwiseIsToldOf holds that a connection that begins as none of HTTP/2 is told of once, whole or byte by byte,
// that nothing of it is changed, and that who begins well, or leaves in the midst of it, is not told of.
func TestWhoGreetsOtherwiseIsToldOf(t *testing.T) {
	const preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
	for text, want := range map[string]string{
		preface + "and frames": "", preface: "", preface[:10]: "", "": "",
		"POST /v3/discovery:secrets HTTP/1.1\r\n": "not by REST",
		"PRI * HTTP/1.1\r\n\r\n":                  "not by REST",
		"\x16\x03\x01\x02\x00\x01":                "the peer speaks TLS",
	} {
		for name, reader := range map[string]io.Reader{"whole": strings.NewReader(text), "by bytes": iotest.OneByteReader(strings.NewReader(text))} {
			var told []string
			g := &greeting{Conn: said{Reader: reader}, left: preface, wrong: func(why error) { told = append(told, why.Error()) }}
			if got, err := io.ReadAll(g); string(got) != text || err != nil {
				t.Errorf("%q %s: read %q, %v", text, name, got, err)
			}
			if want == "" && len(told) > 0 || want != "" && (len(told) != 1 || !strings.Contains(told[0], want)) {
				t.Errorf("%q %s: told %q, want %q once", text, name, told, want)
			}
		}
	}
}
