package token

import (
	"strings"
	"testing"

	jose "github.com/go-jose/go-jose/v4"

	"github.com/portreeve/portreeve/translate/explain/traffic"
)

// FuzzDecide puts any bytes where tokens stand: there is no panic, every answer is known, and no token
// is taken for verified whose signature go-jose takes for wrong.
func FuzzDecide(f *testing.F) {
	keys, text, key := signedRS(f)
	filter := oneIssuer(f, keys+`, "from_headers": [{"name": "authorization", "value_prefix": "Bearer "}, {"name": "x-token"}], "from_params": ["token"], "from_cookies": ["session"], "claim_to_headers": [{"header_name": "x-claim", "claim_name": "groups"}]`)
	parts := strings.Split(text, ".")
	f.Add("Bearer "+text, "/", "")
	f.Add("", "/?token="+text, "session="+text)
	f.Add("Bearer "+parts[0]+"."+parts[1]+"=."+parts[2], "/?a=%", `session="`)
	f.Add("Bearer "+b64(`{alg:'RS256',}`)+"."+b64(`{"iss":"\u0061","x":[1e5,{"a":"\ud83d\ude00"}]}`)+"."+parts[2], "/??&&", ";=;")
	f.Fuzz(func(t *testing.T, header, path, cookie string) {
		s := request(path, "authorization", header, "x-token", header, "cookie", cookie)
		got := filter.Decide(s)
		if got.Stops.Open() || len(s.Findings) != 1 || got.Stops.Holds() != (got.Reply.Status != 0) || got.Stops.Holds() != (got.Reply.Body != "") {
			t.Errorf("%v", got)
		}
		if s.Findings[0].Matched.Holds() && got.Stops.Holds() || len(s.Findings[0].Saw) > 2000 {
			t.Errorf("%v", s.Findings)
		}
		if !s.Findings[0].Matched.Holds() {
			return
		}
		w := filter.world(&memory{stream: request(path, "authorization", header, "x-token", header, "cookie", cookie)}, nil)
		for _, found := range w.extract(filter.providers[0].places) {
			read, _ := parse(found.text)
			signed, err := jose.ParseSignedCompact(read.signed+"."+b64(read.signature), []jose.SignatureAlgorithm{jose.RS256})
			if err != nil {
				continue // go-jose reads less than Envoy does
			}
			if _, err := signed.Verify(key.Public()); err != nil {
				t.Errorf("go-jose refuses a token that was verified: %v", err)
			}
		}
	})
}

// FuzzJSON reads any bytes: what is read is what Envoy holds, without an end, a name or a number lost.
func FuzzJSON(f *testing.F) {
	for _, text := range []string{`{}`, `null`, `{"a":[1,"b",{c:'d',}]}`, `{"a":-1.5e3}`, `{"a":"\ud83d \ude00"}`, `{"a":-`, "{\"a\":\"\\", strings.Repeat(`{"a":`, 200)} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		o, good := readObject(text)
		if !good {
			return
		}
		if written, known := writeJSON(o); known {
			again, good := readObject(written)
			if twice, _ := writeJSON(again); !good || twice != written {
				t.Errorf("%q is written %q and then %q", text, written, twice)
			}
		}
		_, _ = readClaims(plain(o))
	})
}

// FuzzBase64 holds that what is decoded is what the standard library decodes, where that takes it.
func FuzzBase64(f *testing.F) {
	f.Add("YQ")
	f.Add("YQ==")
	f.Add(" Y\tQ")
	f.Fuzz(func(t *testing.T, text string) {
		want, decoded := standardBase64(text)
		got, good := decodeBase64(text)
		if decoded && (!good || got != want) {
			t.Errorf("%q is %q %v, want %q", text, got, good, want)
		}
	})
}

// BenchmarkDecide is one request with a token of RSA, one with a secret's, and one without, beside 20 issuers.
func BenchmarkDecide(b *testing.B) {
	keys, text, _ := signedRS(b)
	f := oneIssuer(b, keys)
	many := manyIssuers(b)
	for name, c := range map[string]struct {
		filter *Filter
		lines  []string
	}{
		"RS256":                 {f, []string{"authorization", "Bearer " + text}},
		"HS256 of 20 issuers":   {many, []string{"authorization", "Bearer " + minted(`{"iss":"issuer-19","sub":"s"}`)}},
		"foreign to 20 issuers": {many, []string{"authorization", "Bearer " + minted(`{"iss":"x"}`)}},
		"none for 20 issuers":   {many, nil},
	} {
		b.Run(name, func(b *testing.B) {
			lines := linesOf("/", c.lines...)
			for b.Loop() {
				c.filter.Decide(&traffic.Stream{Headers: traffic.NewHeaders(lines, traffic.NoOthers), At: now()})
			}
		})
	}
}
