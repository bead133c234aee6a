package sink

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestTheFileOfSinksIsRead(t *testing.T) {
	got, err := Parse("/etc/portreeve/sinks.yaml", []byte(`
webhooks:
- name: siem
  url: https://siem.example.com/events
  hmacKeyFile: siem.key
  caFile: /etc/ca.pem
  types: [generation.*, audit.lost]
- {name: pager, urlFile: pager.url, events: alerts, mode: batch}
otlp:
- {name: collector, endpoint: "http://127.0.0.1:4318", headersFile: otlp.headers}
- {name: grpc, endpoint: "http://collector:4317", protocol: grpc, insecure: true, certFile: c.pem, keyFile: k.pem}
syslog:
- {name: rsyslog, address: "tls://logs.example.com:6514", facility: auth, caFile: ca.pem}
- {name: local, address: "unixgram:///dev/log"}
spool: {events: 5000, bytes: 10000000}
`))
	must(t, err)
	want := Config{
		Webhooks: []Webhook{
			{Name: "siem", URL: "https://siem.example.com/events", HMACKeyFile: "/etc/portreeve/siem.key", TLS: TLSFiles{CAFile: "/etc/ca.pem"}, Events: EventsAll, Mode: ModeSingle, Types: []string{"generation.*", "audit.lost"}},
			{Name: "pager", URLFile: "/etc/portreeve/pager.url", Events: EventsAlerts, Mode: ModeBatch},
		},
		OTLP: []OTLP{
			{Name: "collector", Endpoint: "http://127.0.0.1:4318", Protocol: ProtocolHTTP, HeadersFile: "/etc/portreeve/otlp.headers"},
			{Name: "grpc", Endpoint: "http://collector:4317", Protocol: ProtocolGRPC, Insecure: true, TLS: TLSFiles{CertFile: "/etc/portreeve/c.pem", KeyFile: "/etc/portreeve/k.pem"}},
		},
		Syslog: []Syslog{
			{Name: "rsyslog", Address: "tls://logs.example.com:6514", Facility: "auth", TLS: TLSFiles{CAFile: "/etc/portreeve/ca.pem"}},
			{Name: "local", Address: "unixgram:///dev/log", Facility: "local0"},
		},
		Spool: Bounds{Events: 5000, Bytes: 10_000_000},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestWhatIsWrongInTheFileIsToldWithItsPlace(t *testing.T) {
	for text, want := range map[string]string{
		"":                           "1:1: it is empty",
		"webhooks: []\na: [":         "2:1: did not find",
		"{}":                         "1:1: there is no sink",
		"a: 1":                       `1:1: the field "a" is not known`,
		"webhooks: {}":               "1:11: want a list",
		"webhooks: []\n---\n":        "1:1: it has more than one document",
		"webhooks: []\nwebhooks: []": `2:1: the field "webhooks" is there twice`,
		"webhooks: [{name: a, url: 'https://a', urll: b}]":                                  "1:40: ",
		"webhooks: [{name: a}]":                                                             "1:12: want one of url and urlFile",
		"webhooks: [{name: a, url: 'https://a', urlFile: b}]":                               "1:12: want one of url and urlFile",
		"webhooks: [{name: a, url: ftp://a}]":                                               "1:12: want an https:// or http:// address",
		"webhooks: [{name: a, url: 'http://10.0.0.1/'}]":                                    "1:12: http:// is plain text",
		"webhooks: [{name: a, url: 'http://localhost.example.com/'}]":                       "1:12: http:// is plain text",
		"webhooks: [{name: a, url: 'https://user:hunter2@a/'}]":                             "1:12: an address has no user and password",
		"webhooks: [{name: a, url: 'https://a/#b'}]":                                        "1:12: an address has no fragment",
		"webhooks: [{name: A, url: 'https://a'}]":                                           "1:12: want a name",
		"webhooks: [{name: spool, url: 'https://a'}]":                                       `1:12: the name "spool" is taken`,
		"webhooks: [{name: a, url: 'https://a'}, {name: a, url: 'https://a'}]":              `1:41: another sink has the name "a"`,
		"webhooks: [{name: a, url: 'https://a'}]\notlp: [{name: a, endpoint: https://a}]":   `2:8: another sink has the name "a"`,
		"webhooks: [{name: a, url: 'https://a', events: some}]":                             "1:48: want one of all, alerts",
		"webhooks: [{name: a, url: 'https://a', events: alerts, types: [generation.read]}]": "1:12: types are of the record",
		"webhooks: [{name: a, url: 'https://a', types: ['[a']}]":                            "1:48: want a type of events",
		"webhooks: [{name: a, url: 'https://a', types: [generation.wrote]}]":                "1:48: \"generation.wrote\" matches no type of events",
		"webhooks: [{name: a, url: 'https://a', types: [io.portreeve.generation.*]}]":       "1:48: \"io.portreeve.generation.*\" matches no type of events",
		"webhooks: [{name: a, url: 'https://a', certFile: b}]":                              "1:12: certFile and keyFile belong together",
		"webhooks: [{name: a, url: 'https://a', insecure: 'yes'}]":                          "1:50: want true or false",
		"webhooks: [{name: a, url: 1}]":                                                     "1:27: want a string",
		"webhooks: [&x {name: a, url: 'https://a'}, *x]":                                    "1:44: want fields",
		"otlp: [{name: a, endpoint: 'http://collector:4317'}]":                              "1:8: http:// is plain text",
		"otlp: [{name: a}]": "1:8: want an https:// or http:// address",
		"otlp: [{name: a, endpoint: https://a, protocol: udp}]":  "1:49: want one of http, grpc",
		"syslog: [{name: a, address: 'udp://a'}]":                "1:10: address: want udp://",
		"syslog: [{name: a, address: 'unixgram://dev/log'}]":     "1:10: address: want udp://",
		"syslog: [{name: a, address: 'tcp://a:1', caFile: b}]":   "1:10: caFile, certFile and keyFile are for tls://",
		"syslog: [{name: a, address: 'tcp://a:1', facility: b}]": "1:52: want one of kern",
		"spool: {events: 1}":                            "1:17: want a number between",
		strings.Repeat("#", 300<<10):                    "1:1: it is larger than",
		"webhooks: [" + strings.Repeat("{},", 17) + "]": "1:11: the list has 17 items, want at most 16",
	} {
		_, err := Parse("sinks.yaml", []byte(text))
		if err == nil || !strings.HasPrefix(err.Error(), "sinks.yaml:"+want) {
			t.Errorf("%.60s\n  got  %v\n  want %s", text, err, want)
		}
		if err != nil && strings.Contains(err.Error(), "hunter2") {
			t.Errorf("a password is shown: %v", err)
		}
	}
}

// TestAllThatIsWrongIsTold holds for faults that have nothing to do with each other.
func TestAllThatIsWrongIsTold(t *testing.T) {
	_, err := Parse("f", []byte("a: 1\nb: 2\nwebhooks: [{name: A, url: b}]\n"))
	for _, want := range []string{"f:1:1:", "f:2:1:", "f:3:12: want a name", "f:3:12: want an https"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v\nwithout %s", err, want)
		}
	}
}

// TestFilesOfSecretsAreBoundedAndNotShown reads what the file of sinks names.
func TestFilesOfSecretsAreBoundedAndNotShown(t *testing.T) {
	const secret = "topsecret"
	for name, c := range map[string]struct {
		content, want string
		sink          Webhook
	}{
		"short key":      {secret, "shorter than 16 bytes", Webhook{URL: "https://a", HMACKeyFile: "f"}},
		"no key":         {"# " + secret, "it is empty", Webhook{URL: "https://a", HMACKeyFile: "f"}},
		"many keys":      {strings.Repeat(secret+secret+"\n", 9), "it has 9 keys, want at most 8", Webhook{URL: "https://a", HMACKeyFile: "f"}},
		"large":          {strings.Repeat(secret, 10_000), "too large", Webhook{URL: "https://a", HMACKeyFile: "f"}},
		"no header":      {secret, "is not a header", Webhook{URL: "https://a", HeadersFile: "f"}},
		"header's value": {"A: " + secret + "\x01", "is not a header", Webhook{URL: "https://a", HeadersFile: "f"}},
		"many headers":   {strings.Repeat("A: "+secret+"\n", 33), "33 headers, want at most 32", Webhook{URL: "https://a", HeadersFile: "f"}},
		"no address":     {secret + "://[", "want an https:// or http:// address", Webhook{URLFile: "f"}},
		"plain":          {"http://a/" + secret, "plain text", Webhook{URLFile: "f"}},
		"two addresses":  {"https://a/" + secret + "\nhttps://b", "want one address in one line", Webhook{URLFile: "f"}},
		"no CA":          {secret, "no certificate in PEM", Webhook{URL: "https://a", TLS: TLSFiles{CAFile: "f"}}},
		"no pair":        {secret, "failed to find any PEM data", Webhook{URL: "https://a", TLS: TLSFiles{CertFile: "f", KeyFile: "f"}}},
		"missing":        {"", "no such file", Webhook{URL: "https://a", HMACKeyFile: "none"}},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			must(t, os.WriteFile(filepath.Join(dir, "f"), []byte(c.content), 0o600))
			for _, file := range []*string{&c.sink.HMACKeyFile, &c.sink.HeadersFile, &c.sink.URLFile, &c.sink.TLS.CAFile, &c.sink.TLS.CertFile, &c.sink.TLS.KeyFile} {
				if *file != "" {
					*file = filepath.Join(dir, *file)
				}
			}
			c.sink.Name = "siem"
			_, err := Open(Options{Config: Config{Webhooks: []Webhook{c.sink}}, Logger: quiet()})
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "sink siem") || strings.Contains(err.Error(), secret) {
				t.Errorf("got %v, want %s", err, c.want)
			}
		})
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("webhooks: [{name: a, url: 'https://a'}]"))
	f.Add([]byte("a: &a [*a]"))
	f.Fuzz(func(t *testing.T, content []byte) {
		c, err := Parse("f", content)
		if all := len(c.Webhooks) + len(c.OTLP) + len(c.Syslog); err == nil && (all == 0 || all > maxSinks) {
			t.Errorf("%d sinks are taken", all)
		}
	})
}
