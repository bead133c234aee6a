package replay

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/portreeve/portreeve/translate/explain"
)

// asked is the request of a line in JSON, whose fields are added to those that every line has.
func asked(t *testing.T, facts Facts, fields string) explain.Request {
	t.Helper()
	formats := NewFormats(nil)
	r, err := formats.parse([]byte(`{"method":"GET","authority":"shop.example","protocol":"HTTP/1.1","downstream_local_address":"10.0.0.1:8443",` + fields + `}`))
	if err != nil {
		t.Fatal(err)
	}
	return r.request(facts)
}

// TestALineAsksNoMoreThanItSays holds for each thing that a line may or may not say of a request.
func TestALineAsksNoMoreThanItSays(t *testing.T) {
	trusts := func(r explain.Request) bool {
		return len(r.Trusted) == 1 && !slices.Contains(r.Unknown.Absent, "authorization")
	}
	lacks := func(name string) func(explain.Request) bool {
		return func(r explain.Request) bool { return slices.Contains(r.Unknown.Absent, name) && len(r.Trusted) == 0 }
	}
	open := func(r explain.Request) bool {
		return len(r.Unknown.Absent) == 0 && len(r.Trusted) == 0 && r.Unknown.Headers
	}
	const noToken = `"path":"/a","query_sent":null,"authorization_sent":null,"token_issuer":null,"token_subject":null`
	const token = `"path":"/a","query_sent":null,"authorization_sent":null,"token_issuer":"https://issuer.example","token_subject":"alice"`
	for name, c := range map[string]struct {
		facts  Facts
		fields string
		holds  func(explain.Request) bool
	}{
		"a query that is not told":       {Facts{}, `"path":"/a","query_sent":"","access_token_sent":""`, func(r explain.Request) bool { return r.Unknown.Query && r.Unknown.AbsentParameters == nil }},
		"a query without a token":        {Facts{}, `"path":"/a","query_sent":"","access_token_sent":null`, func(r explain.Request) bool { return r.Unknown.Query && len(r.Unknown.AbsentParameters) == 1 }},
		"no query":                       {Facts{}, `"path":"/a","query_sent":null`, func(r explain.Request) bool { return !r.Unknown.Query && r.Path == "/a" }},
		"a query that is told":           {Facts{}, `"path":"/a?b=c"`, func(r explain.Request) bool { return !r.Unknown.Query && r.Path == "/a?b=c" }},
		"no token":                       {Facts{}, noToken, lacks("authorization")},
		"a token that was refused":       {Facts{}, noToken + `,"response_code_details":"jwt_authn_access_denied{Jwt_is_expired}"`, open},
		"tokens that the log hides":      {Facts{HiddenTokens: true}, noToken, open},
		"a token":                        {Facts{}, token, trusts},
		"a token of another place":       {Facts{PlacedTokens: map[string]bool{"https://issuer.example": true}}, token, open},
		"no forwarded address":           {Facts{}, `"path":"/a","x_forwarded_for":"192.0.2.1"`, lacks("x-forwarded-for")},
		"what a proxy told":              {Facts{}, `"path":"/a","x_forwarded_for":"192.0.2.9, 192.0.2.8,192.0.2.1"`, func(r explain.Request) bool { return r.Headers[0].Value == "192.0.2.9, 192.0.2.8" }},
		"the other end":                  {Facts{}, `"path":"/a","downstream_direct_remote_address":"192.0.2.1:4000","downstream_remote_address":"192.0.2.9:0"`, client("192.0.2.1")},
		"an address that a proxy told":   {Facts{}, `"path":"/a","downstream_remote_address":"192.0.2.9:0"`, client("")},
		"behind the PROXY protocol":      {Facts{ProxyPorts: map[uint32]bool{8443: true}}, `"path":"/a","downstream_direct_remote_address":"192.0.2.1:4000","downstream_remote_address":"[2001:db8::1]:4000"`, client("2001:db8::1")},
		"plain text":                     {Facts{TLSPorts: map[uint32]bool{8443: true}}, `"path":"/a","downstream_tls_version":null,"requested_server_name":null`, func(r explain.Request) bool { return !r.TLS }},
		"TLS by the port":                {Facts{TLSPorts: map[uint32]bool{8443: true}}, `"path":"/a","requested_server_name":null`, func(r explain.Request) bool { return r.TLS && r.Unknown.Certificate && !r.Unknown.ServerName }},
		"a certificate that is not told": {Facts{}, `"path":"/a","requested_server_name":"shop.example"`, func(r explain.Request) bool { return r.TLS && r.Unknown.Certificate && r.Certificate == nil }},
		"no certificate": {
			Facts{}, `"path":"/a","downstream_tls_version":"TLSv1.3","downstream_peer_uri_san":null,"downstream_peer_dns_san":null,"downstream_peer_subject":null`,
			func(r explain.Request) bool { return r.TLS && !r.Unknown.Certificate && r.Certificate == nil },
		},
		"a certificate": {
			Facts{}, `"path":"/a","downstream_tls_version":"TLSv1.3","downstream_peer_uri_san":"spiffe://a,spiffe://b","downstream_peer_dns_san":null,"downstream_peer_subject":"CN=c"`,
			func(r explain.Request) bool {
				return !r.Unknown.Certificate && slices.Equal(r.Certificate.URIs, []string{"spiffe://a", "spiffe://b"}) && r.Certificate.Subject == "CN=c"
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			if r := asked(t, c.facts, c.fields); !c.holds(r) || !r.Unknown.Headers {
				t.Errorf("it asks %+v", r)
			}
		})
	}
}

func client(want string) func(explain.Request) bool {
	return func(r explain.Request) bool {
		return want == "" && !r.Client.IsValid() || want != "" && r.Client.Addr() == netip.MustParseAddr(want)
	}
}

// TestATokenOfALineIsOpenWhereItIsNotTold holds for claims: iss and sub are known, others are not.
func TestATokenOfALineIsOpenWhereItIsNotTold(t *testing.T) {
	r := asked(t, Facts{}, `"path":"/a","token_issuer":"https://issuer.example","token_subject":"alice"`)
	for token, said := range r.Trusted {
		if said.Fields["iss"] != "https://issuer.example" || said.Fields["sub"] != "alice" || !said.Open || !strings.HasSuffix(r.Headers[0].Value, token) {
			t.Errorf("it says %+v", said)
		}
	}
	r = asked(t, Facts{}, `"path":"/a","token_claims":{"iss":"https://issuer.example","groups":["a"]}`)
	for _, said := range r.Trusted {
		if said.Open || said.Fields["groups"] == nil {
			t.Errorf("it says %+v", said)
		}
	}
	if len(r.Trusted) != 1 {
		t.Errorf("tokens: %v", r.Trusted)
	}
}

// TestLinesWithoutARequest holds for connections, which are asked about, and for bytes that were no request.
func TestLinesWithoutARequest(t *testing.T) {
	formats := NewFormats(nil)
	for line, want := range map[string]string{
		`{"method":null,"protocol":null,"response_code":0,"downstream_local_address":"10.0.0.1:80"}`:         "",
		`{"method":null,"protocol":"HTTP/1.1","response_code":400,"downstream_local_address":"10.0.0.1:80"}`: "without a request that could be read",
		`{"method":"GET","path":"/","downstream_local_address":null}`:                                        "without the address that was reached",
	} {
		r, err := formats.parse([]byte(line))
		if err != nil {
			t.Fatal(err)
		}
		if got := r.unanswerable(); got != want || want == "" && !r.request(Facts{}).Connection {
			t.Errorf("%s: %q", line, got)
		}
	}
}

// TestATokenOfALineIsJudgedByItsTime holds for tokens that are logged as they were sent.
func TestATokenOfALineIsJudgedByItsTime(t *testing.T) {
	formats := NewFormats(nil)
	const head = `{"method":"GET","authority":"a","downstream_local_address":"10.0.0.1:80","path":"/a?access_token=ey.ey.x"`
	r, err := formats.parse([]byte(head + `,"start_time":"2026-01-02T03:04:05.000Z"}`))
	if err != nil {
		t.Fatal(err)
	}
	if at := r.request(Facts{}).At; at.Year() != 2026 || r.unanswerable() != "" {
		t.Errorf("it is judged at %s, %q", at, r.unanswerable())
	}
	if r, err = formats.parse([]byte(head + `}`)); err != nil || r.unanswerable() == "" {
		t.Errorf("a token without a time is judged: %v", err)
	}
}
