package resource

import "testing"

const (
	closedShown = `{"e":"AQAB","kty":"RSA","n":"` + closedModulus + `","redacted":true}`
	closedNamed = `{"e":"AQAB","kid":"a","kty":"RSA","n":"` + closedModulus + `","redacted":true}`
)

// TestKeysThatAreHandedOnAndShown holds what of a key set gateways are given and what anybody
// may be shown.
func TestKeysThatAreHandedOnAndShown(t *testing.T) {
	const public = `{"keys": [ {"kty":"OKP","kid":"<a&b>","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"} ]}`
	for name, c := range map[string]struct{ text, handed, shown string }{
		"public":                   {public, public, public},
		"symmetric":                {`{"keys":[{"kty":"oct","kid":"a","k":"hush"}]}`, `{"keys":[{"kty":"oct","kid":"a","k":"hush"}]}`, `{"keys":[` + closedNamed + `]}`},
		"private":                  {`{"keys":[{"kty":"EC","d":"hush","x":"AA","p":"hush","q":"hush","dp":"hush","dq":"hush","qi":"hush","oth":[{"d":"hush"}]}]}`, `{"keys":[{"kty":"EC","x":"AA"}]}`, `{"keys":[{"kty":"EC","x":"AA"}]}`},
		"a secret of another type": {`{"keys":[{"kty":"RSA","k":"hush","n":"AA"}]}`, `{"keys":[{"kty":"RSA","n":"AA"}]}`, `{"keys":[{"kty":"RSA","n":"AA"}]}`},
		"no known type":            {`{"keys":[{"kty":"OCT","k":"hush","x":"hush"}]}`, `{"keys":[{"kty":"OCT","x":"hush"}]}`, `{"keys":[` + closedShown + `]}`},
		"no type":                  {`{"keys":[{"x":"hush"}]}`, `{"keys":[{"x":"hush"}]}`, `{"keys":[` + closedShown + `]}`},
		"beside the set":           {`{"note":"hush","keys":[]}`, `{"keys":[]}`, `{"keys":[]}`},
		"unknown member":           {`{"keys":[{"kty":"RSA","pem":"hush"}]}`, `{"keys":[{"kty":"RSA"}]}`, `{"keys":[{"kty":"RSA"}]}`},
		"twice":                    {`{"keys":[{"kty":"oct","k":"hush"}],"keys":[]}`, ClosedKeys, ClosedKeys},
		"no set":                   {`hush`, ClosedKeys, ClosedKeys},
		"null":                     {`{"keys":[null]}`, ClosedKeys, ClosedKeys},
		"cut":                      {`{"keys":[{"kty":"oct","k":"hush`, ClosedKeys, ClosedKeys},
		"nothing":                  {``, ClosedKeys, ClosedKeys},
	} {
		t.Run(name, func(t *testing.T) {
			if got := handedKeys(c.text); got != c.handed {
				t.Errorf("handed is %s, want %s", got, c.handed)
			}
			if got := ShownKeys(c.text); got != c.shown {
				t.Errorf("shown is %s, want %s", got, c.shown)
			}
		})
	}
}

// TestTheClosedKeyIsAKey holds that what stands in place of a secret is a key that Envoy takes:
// a set without one is refused whole.
func TestTheClosedKeyIsAKey(t *testing.T) {
	for _, text := range []string{ClosedKeys, ShownKeys(`{"keys":[{"kty":"oct","k":"hush"}]}`)} {
		set := parseKeySet(text)
		if set.problem != "" || len(set.keys) != 1 || set.keys[0].broken != "" || set.keys[0].unusable != "" || set.keys[0].secret {
			t.Errorf("%s: %+v", text, set)
		}
	}
}

// FuzzShownKeys holds that whatever is shown or handed on can be read, and that showing twice
// is showing once.
func FuzzShownKeys(f *testing.F) {
	f.Add(`{"keys":[{"kty":"oct","k":"hush"}]}`)
	f.Add(`{"keys":[{"kty":"RSA","d":"hush","n":"AA","e":"AQAB"}],"a":1}`)
	f.Fuzz(func(t *testing.T, text string) {
		shown := ShownKeys(text)
		if set := parseKeySet(shown); set.problem != "" || ShownKeys(shown) != shown {
			t.Errorf("%q is shown as %q: %s, and then as %q", text, shown, set.problem, ShownKeys(shown))
		}
		if set := parseKeySet(ShownKeys(handedKeys(text))); set.problem != "" {
			t.Errorf("%q: %s", text, set.problem)
		}
		for _, k := range parseKeySet(shown).keys {
			if k.secret {
				t.Errorf("%q is shown as %q", text, shown)
			}
		}
	})
}

// TestShownAddress holds that no password and no query is shown, and that others stay as they are.
func TestShownAddress(t *testing.T) {
	for address, want := range map[string]string{
		"https://a.example/keys": "https://a.example/keys", "https://u:hush@a.example/k?c=hush#hush": "https://a.example/k",
		"u:hush@a.example?hush": "a.example", "%zz@b?hush": "b", "": "",
	} {
		if got := ShownAddress(address); got != want {
			t.Errorf("%q is shown as %q, want %q", address, got, want)
		}
	}
}
