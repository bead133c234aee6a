package explain

import (
	"slices"
	"testing"

	"github.com/portreeve/portreeve/translate/explain/traffic"
)

// TestTheCodecRefusesWhatEnvoysDoes holds what Envoy 1.40 said of these requests in its access log.
func TestTheCodecRefusesWhatEnvoysDoes(t *testing.T) {
	header := func(name, value string) Request {
		return Request{Authority: "a.example", Path: "/", Headers: []traffic.Header{{Name: name, Value: value}}}
	}
	for name, c := range map[string]struct {
		request Request
		want    string
		status  uint32
	}{
		"plain":               {request: Request{Authority: "a.example", Path: "/"}},
		"method in lower":     {Request{Authority: "a.example", Path: "/", Method: "get"}, codecError, 400},
		"method of nobody":    {Request{Authority: "a.example", Path: "/", Method: "FOO"}, codecError, 400},
		"method of WebDAV":    {request: Request{Authority: "a.example", Path: "/", Method: "PROPFIND"}},
		"method in HTTP/2":    {request: Request{Authority: "a.example", Path: "/", Method: "get", Protocol: "HTTP/2"}},
		"path beyond ASCII":   {Request{Authority: "a.example", Path: "/é"}, codecError, 400},
		"path with space":     {Request{Authority: "a.example", Path: "/a b"}, codecError, 400},
		"path with control":   {Request{Authority: "a.example", Path: "/a\x01"}, "http1.invalid_characters", 400},
		"path without slash":  {Request{Authority: "a.example", Path: "foo"}, codecError, 400},
		"star":                {Request{Authority: "a.example", Path: "*"}, invalidURL, 400},
		"star of OPTIONS":     {request: Request{Authority: "a.example", Path: "*", Method: "OPTIONS"}},
		"URL":                 {request: Request{Authority: "a.example", Path: "http://b.example/x"}},
		"URL of TLS":          {Request{Authority: "a.example", Path: "https://b.example/x"}, "http1.https_url_on_plaintext_connection", 403},
		"URL of FTP":          {Request{Authority: "a.example", Path: "ftp://b.example/x"}, "http1.invalid_scheme", 400},
		"URL with a user":     {Request{Authority: "a.example", Path: "http://u:p@b.example/x"}, invalidURL, 400},
		"URL without host":    {Request{Authority: "a.example", Path: "http:///x"}, invalidURL, 400},
		"tunnel":              {request: Request{Authority: "a.example", Path: "a.example:443", Method: "CONNECT"}},
		"tunnel without port": {Request{Authority: "a.example", Path: "a.example", Method: "CONNECT"}, invalidURL, 400},
		"old":                 {Request{Authority: "a.example", Path: "/", Protocol: "HTTP/1.0"}, "low_version", 426},
		"host with slash":     {Request{Authority: "a/b", Path: "/"}, "http.invalid_authority", 400},
		"host with space":     {Request{Authority: "a b", Path: "/"}, "http.invalid_authority", 400},
		"host beyond ASCII":   {Request{Authority: "é", Path: "/"}, "http.invalid_authority", 400},
		"host with user":      {request: Request{Authority: "u@a.example", Path: "/"}},
		"header with control": {header("x-a", "a\x00b"), "http1.invalid_characters", 400},
		"header with bytes":   {request: header("x-a", "\xff")},
		"name with space":     {header("x a", "1"), codecError, 400},
		"name with colon":     {header(":path", "1"), codecError, 400},
		"as many as are read": {request: Request{Authority: "a.example", Path: "/", Headers: slices.Repeat(headers("x-a", "1"), 99)}},
		"one more":            {Request{Authority: "a.example", Path: "/", Headers: slices.Repeat(headers("x-a", "1"), 100)}, "http1.too_many_headers", 431},
		"coding of nobody":    {header("transfer-encoding", "gzip"), "http1.invalid_transfer_encoding", 501},
		"coding known":        {request: header("transfer-encoding", "chunked")},
		"length with sign":    {header("content-length", "+7"), codecError, 400},
		"length twice":        {Request{Authority: "a.example", Path: "/", Headers: headers("content-length", "1", "content-length", "2")}, codecError, 400},
		"length and coding":   {Request{Authority: "a.example", Path: "/", Headers: headers("transfer-encoding", "chunked", "content-length", "1")}, "http1.content_length_and_chunked_not_allowed", 400},
		"names the client":    {header("connection", "x-forwarded-for"), "http1.connection_header_rejected", 400},
		"names a path":        {header("connection", "close, :path"), "http1.connection_header_rejected", 400},
	} {
		t.Run(name, func(t *testing.T) {
			if got := readMessage(&c.request, "http"); got.refusal != c.want || got.status != c.status {
				t.Errorf("%d %s, want %d %s", got.status, got.refusal, c.status, c.want)
			}
		})
	}
}

// TestHeadersAreHeldAsEnvoyHoldsThem holds what Envoy 1.40 sent on of these headers.
func TestHeadersAreHeldAsEnvoyHoldsThem(t *testing.T) {
	for name, c := range map[string]struct{ sent, want []traffic.Header }{
		"lines of one":   {headers("authorization", "a", "Authorization", "b", "accept", "c"), headers("authorization", "a,b", "accept", "c")},
		"lines of many":  {headers("x-a", "a", "x-a", "b"), headers("x-a", "a", "x-a", "b")},
		"space around":   {headers("x-a", " \tv "), headers("x-a", "v")},
		"named by other": {headers("connection", "close, X-A", "x-a", "1", "authorization", "2"), headers("authorization", "2")},
		// Whoever names the token's header sends no token.
		"token named": {headers("connection", "authorization", "authorization", "2", "x-b", "3"), headers("x-b", "3")},
		"upgrade":     {headers("connection", "Upgrade", "upgrade", "websocket"), headers("connection", "Upgrade", "upgrade", "websocket")},
		"no upgrade":  {headers("upgrade", "websocket", "x-a", "1"), headers("x-a", "1")},
		"h2c":         {headers("connection", "upgrade, http2-settings", "upgrade", "h2c", "http2-settings", "AAA"), nil},
		"trailers":    {headers("te", "gzip, trailers"), headers("te", "trailers")},
		"no trailers": {headers("te", "gzip"), nil},
		"connections": {headers("keep-alive", "3", "proxy-connection", "close"), nil},
	} {
		t.Run(name, func(t *testing.T) {
			got := readMessage(&Request{Authority: "a", Path: "/", Headers: c.sent}, "http").headers
			if len(got) != len(c.want) {
				t.Fatalf("%v, want %v", got, c.want)
			}
			for i := range got {
				if got[i] != c.want[i] {
					t.Errorf("%v, want %v", got, c.want)
				}
			}
		})
	}
}

func headers(of ...string) []traffic.Header {
	var out []traffic.Header
	for i := 0; i < len(of); i += 2 {
		out = append(out, traffic.Header{Name: of[i], Value: of[i+1]})
	}
	return out
}

// TestHTTP2IsReadAsEnvoyDoes holds what Envoy 1.40 wrote of these requests into its access log: of most of those that it
// refuses it resets the stream, with no status.
func TestHTTP2IsReadAsEnvoyDoes(t *testing.T) {
	for name, c := range map[string]struct {
		method, host, path string
		headers            []traffic.Header
		want               string
	}{
		"plain":               {"GET", "a", "/", nil, ""},
		"no host":             {"GET", "", "/", nil, invalidMessage},
		"header host":         {"GET", "", "/", headers("host", "a"), ""},
		"empty header host":   {"GET", "a", "/", headers("host", ""), invalidField},
		"two headers host":    {"GET", "a", "/", headers("host", "a", "host", "a"), invalidField},
		"host with user":      {"GET", "u@a", "/", nil, invalidField},
		"host with slash":     {"GET", "a/b", "/", nil, invalidField},
		"method beyond ASCII": {"\u00e9", "a", "/", nil, invalidField},
		"path of nothing":     {"GET", "a", "", nil, invalidField},
		"path without slash":  {"GET", "a", "admin", nil, invalidMessage},
		"path with space":     {"GET", "a", "/a b", nil, invalidField},
		"path beyond ASCII":   {"GET", "a", "/\u00e9", nil, ""},
		"star":                {"GET", "a", "*", nil, invalidMessage},
		"star of OPTIONS":     {"OPTIONS", "a", "*", nil, ""},
		"tunnel":              {"CONNECT", "a:80", "", nil, ""},
		"tunnel with path":    {"CONNECT", "a:80", "/", nil, invalidMessage},
		"connection":          {"GET", "a", "/", headers("connection", "x-a", "x-a", "1"), invalidField},
		"upgrade":             {"GET", "a", "/", headers("upgrade", "websocket"), invalidField},
		"coding":              {"GET", "a", "/", headers("transfer-encoding", "chunked"), invalidField},
		"te":                  {"GET", "a", "/", headers("te", "gzip"), invalidField},
		"te with trailers":    {"GET", "a", "/", headers("te", "Trailers"), ""},
		"length with letter":  {"GET", "a", "/", headers("content-length", "a"), invalidField},
		"header with control": {"GET", "a", "/", headers("x-a", "a\x00"), invalidField},
		"name with space":     {"GET", "a", "/", headers("x a", "1"), invalidField},
		"as many as are read": {"GET", "a", "/", slices.Repeat(headers("x-a", "1"), 96), ""},
		"one more":            {"GET", "a", "/", slices.Repeat(headers("x-a", "1"), 97), tooManyFields},
	} {
		r := Request{Protocol: "HTTP/2", Method: c.method, Authority: c.host, Path: c.path, Headers: c.headers}
		if got := readMessage(&r, "http"); got.refusal != c.want || got.status != 0 {
			t.Errorf("%s: %d %q, want %q", name, got.status, got.refusal, c.want)
		}
	}
	read := readMessage(&Request{Protocol: "HTTP/2", Authority: "a", Path: "/", Headers: headers("host", "b", "cookie", "a=1", "cookie", "", "x-a", " 1 ", "cookie", "b=2")}, "http")
	if want := headers("x-a", " 1 ", "cookie", "a=1; b=2"); read.host != "a" || !slices.Equal(read.headers, want) {
		t.Errorf("host %q and headers %q, want a and %q", read.host, read.headers, want)
	}
}

// TestZonesOfClients holds whose address Envoy 1.40 took for the client's by x-forwarded-for.
func TestZonesOfClients(t *testing.T) {
	for told, want := range map[string]string{
		"2001:db8::1%1": "2001:db8::1", "fe80::1%7": "fe80::1", "2001:db8::1%4294967296": "", "2001:db8::1%lo": "", "2001:db8::1%": "", "203.0.113.7%1": "",
	} {
		if got, ok := forwardedFor(told, 1); ok != (want != "") || ok && got.String() != want {
			t.Errorf("%s: %v %v, want %q", told, got, ok, want)
		}
	}
	for _, told := range []string{"fe80::1%lo", "ff02::1%lo"} {
		if got, ok := forwardedFor(told, 1); !ok || got.IsValid() {
			t.Errorf("%s: %v %v, want an address that is not known", told, got, ok)
		}
	}
}
