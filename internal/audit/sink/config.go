package sink

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/url"
	"path/filepath"
	"strings"

	"go.yaml.in/yaml/v3"
)

// The bounds of the file of --audit-sinks.
const (
	// MaxConfigBytes is of the file.
	MaxConfigBytes = 256 << 10
	maxSinks       = 16
	maxTypes       = 32
	maxText        = 2 << 10
)

// Config is what the file of --audit-sinks says. It names the files of secrets and holds none.
type Config struct {
	Webhooks []Webhook
	OTLP     []OTLP
	Syslog   []Syslog
	// Spool bounds what waits for each sink.
	Spool Bounds
}

// Bounds are those of the lines that wait for one sink.
type Bounds struct {
	Events int
	Bytes  int64
}

// DefaultBounds are those where the file says nothing.
func DefaultBounds() Bounds { return Bounds{Events: 1_000_000, Bytes: 1 << 30} }

// Webhook is told by HTTP requests that hold CloudEvents.
type Webhook struct {
	Name string
	// URL is where to, or URLFile holds it where the address itself is a secret.
	URL, URLFile string
	// HMACKeyFile holds keys, one a line, with each of which requests are signed. HeadersFile holds headers of requests.
	HMACKeyFile, HeadersFile string
	TLS                      TLSFiles
	// Events is EventsAll or EventsAlerts. Types, where there are some, are patterns of the types of events that are told.
	Events string
	Types  []string
	// Mode is ModeSingle or ModeBatch.
	Mode     string
	Insecure bool
}

// What a webhook is told: the record and alerts, or alerts alone; one event a request, or many.
const (
	EventsAll    = "all"
	EventsAlerts = "alerts"
	ModeSingle   = "single"
	ModeBatch    = "batch"
)

// OTLP is a collector of OpenTelemetry logs.
type OTLP struct {
	Name, Endpoint string
	// Protocol is ProtocolHTTP or ProtocolGRPC.
	Protocol    string
	HeadersFile string
	TLS         TLSFiles
	Types       []string
	Insecure    bool
}

// The protocols of OTLP.
const (
	ProtocolHTTP = "http"
	ProtocolGRPC = "grpc"
)

// Syslog is a receiver of RFC 5424.
type Syslog struct {
	Name string
	// Address is udp://, tcp:// or tls://HOST:PORT, or unixgram:///PATH.
	Address string
	// Facility is the name of one, such as local0.
	Facility string
	TLS      TLSFiles
	Types    []string
}

// TLSFiles are PEM files: authorities to trust beside the system's, and a client certificate with its key.
type TLSFiles struct{ CAFile, CertFile, KeyFile string }

// Parse reads the file of --audit-sinks; file is what its errors are said to stand in. All errors that can be told at one time
// are, each with line and column. Files that are named in it are taken from its folder.
func Parse(file string, content []byte) (Config, error) {
	c := Config{Spool: DefaultBounds()}
	p := &parser{file: file, names: map[string]bool{}}
	root, err := p.document(content)
	if err != nil {
		return Config{}, err
	}
	p.fields(root, map[string]func(*yaml.Node){
		"webhooks": p.list(maxSinks, func(n *yaml.Node) { c.Webhooks = append(c.Webhooks, p.webhook(n)) }),
		"otlp":     p.list(maxSinks, func(n *yaml.Node) { c.OTLP = append(c.OTLP, p.otlp(n)) }),
		"syslog":   p.list(maxSinks, func(n *yaml.Node) { c.Syslog = append(c.Syslog, p.syslog(n)) }),
		"spool": func(n *yaml.Node) {
			p.fields(n, map[string]func(*yaml.Node){
				"events": p.number(func(v int64) { c.Spool.Events = int(v) }, 100, 100_000_000),
				"bytes":  p.number(func(v int64) { c.Spool.Bytes = v }, 1<<20, 1<<40),
			})
		},
	})
	switch all := len(c.Webhooks) + len(c.OTLP) + len(c.Syslog); {
	case all > maxSinks:
		p.fault(root, "there are %d sinks, want at most %d", all, maxSinks)
	case all == 0:
		p.fault(root, "there is no sink; name one under webhooks, otlp or syslog")
	}
	return c, joined(p.errs)
}

// document returns the one document of a file.
func (p *parser) document(content []byte) (*yaml.Node, error) {
	nowhere := &yaml.Node{Line: 1, Column: 1}
	if len(content) > MaxConfigBytes {
		p.fault(nowhere, "it is larger than %d bytes", MaxConfigBytes)
		return nil, joined(p.errs)
	}
	var doc, more yaml.Node
	d := yaml.NewDecoder(bytes.NewReader(content))
	switch err := d.Decode(&doc); {
	case errors.Is(err, io.EOF):
		p.fault(nowhere, "it is empty")
	case err != nil:
		text := strings.TrimPrefix(err.Error(), "yaml: ")
		if _, err := fmt.Sscanf(text, "line %d:", &nowhere.Line); err == nil {
			_, text, _ = strings.Cut(text, ": ")
		}
		p.fault(nowhere, "%s", text)
	case !errors.Is(d.Decode(&more), io.EOF):
		p.fault(nowhere, "it has more than one document")
	}
	if err := joined(p.errs); err != nil {
		return nil, err
	}
	return doc.Content[0], nil
}

func (p *parser) webhook(n *yaml.Node) Webhook {
	w := Webhook{Events: EventsAll, Mode: ModeSingle}
	known := p.common(&w.Name, &w.Types, &w.TLS)
	known["url"] = p.text(&w.URL)
	known["urlFile"] = p.path(&w.URLFile)
	known["hmacKeyFile"] = p.path(&w.HMACKeyFile)
	known["headersFile"] = p.path(&w.HeadersFile)
	known["events"] = p.choice(&w.Events, EventsAll, EventsAlerts)
	known["mode"] = p.choice(&w.Mode, ModeSingle, ModeBatch)
	known["insecure"] = p.flag(&w.Insecure)
	p.fields(n, known)
	p.named(n, w.Name, w.TLS)
	switch {
	case (w.URL == "") == (w.URLFile == ""):
		p.fault(n, "want one of url and urlFile")
	case w.URL != "":
		p.address(n, w.URL)
	}
	if plain(w.URL) && !w.Insecure {
		p.fault(n, "%v", errPlain)
	}
	if w.Events == EventsAlerts && len(w.Types) > 0 {
		p.fault(n, "types are of the record, and with events: alerts it is not told")
	}
	return w
}

func (p *parser) otlp(n *yaml.Node) OTLP {
	o := OTLP{Protocol: ProtocolHTTP}
	known := p.common(&o.Name, &o.Types, &o.TLS)
	known["endpoint"] = p.text(&o.Endpoint)
	known["protocol"] = p.choice(&o.Protocol, ProtocolHTTP, ProtocolGRPC)
	known["headersFile"] = p.path(&o.HeadersFile)
	known["insecure"] = p.flag(&o.Insecure)
	p.fields(n, known)
	p.named(n, o.Name, o.TLS)
	p.address(n, o.Endpoint)
	if plain(o.Endpoint) && !o.Insecure {
		p.fault(n, "%v", errPlain)
	}
	return o
}

func (p *parser) syslog(n *yaml.Node) Syslog {
	s := Syslog{Facility: "local0"}
	known := p.common(&s.Name, &s.Types, &s.TLS)
	known["address"] = p.text(&s.Address)
	known["facility"] = p.choice(&s.Facility, facilities()...)
	p.fields(n, known)
	p.named(n, s.Name, s.TLS)
	if _, err := syslogAddress(s.Address); err != nil {
		p.fault(n, "address: %v", err)
	}
	if s.TLS != (TLSFiles{}) && !strings.HasPrefix(s.Address, "tls://") {
		p.fault(n, "caFile, certFile and keyFile are for tls:// addresses")
	}
	return s
}

// common are the fields that every sink has.
func (p *parser) common(name *string, types *[]string, files *TLSFiles) map[string]func(*yaml.Node) {
	return map[string]func(*yaml.Node){
		"name":     p.text(name),
		"types":    p.list(maxTypes, func(n *yaml.Node) { p.pattern(n, types) }),
		"caFile":   p.path(&files.CAFile),
		"certFile": p.path(&files.CertFile),
		"keyFile":  p.path(&files.KeyFile),
	}
}

// beside takes a file from the folder of the file that names it.
func beside(file, named string) string {
	if filepath.IsAbs(named) {
		return named
	}
	return filepath.Join(filepath.Dir(file), named)
}

// checkURL says what is wrong with an address of HTTP. It never shows the address.
func checkURL(address string) error {
	u, err := url.Parse(address)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https":
		return errors.New("want an https:// or http:// address")
	case u.Fragment != "":
		return errors.New("an address has no fragment")
	}
	return nil
}

// errPlain says why an address is refused: everybody between would read the record.
var errPlain = errors.New("http:// is plain text, and for loopback alone; use https://, or say insecure: true")

// plain reports whether an address is reached in plain text and is not this machine.
func plain(address string) bool {
	u, err := url.Parse(address)
	return err == nil && u.Scheme == "http" && !loopback(u.Hostname())
}
