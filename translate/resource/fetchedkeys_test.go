package resource

import (
	"strings"
	"testing"
)

const (
	rsaN   = "u1SU1LfVLPHCozMxH2Mo4lgOEePzNm0tRgeLezV6ffAt0gunVTLw7onLRnrq0_IzW7yWR7QkrmBL7jTKEn5u-qKhbwKfBstIs-bMY2Zkp18gnTxKLxoS2tFczGkPLPgizskuemMghRniWaoLcyehkd3qqGElvW_VDL5AaWTg0nLVkjRo9z-40RQzuVaE8AkAFmxZzow3x-VJYKdjykkJ0iT9wCS0DRTXu269V264Vf_3jvredZiKRkgwlL9xNAwxXFg0x_XFw005UWVRIkdgcKWTjpBP2dPwVZ4WWC-9aGVd-Gyn1o0CLelf4rEjGoXbAAEgAqeGUxrcIlbjXfbcmw"
	rsaOne = `{"kty":"RSA","kid":"b","e":"AQAB","n":"` + rsaN + `"}`
	edOne  = `{"kty":"OKP","kid":"a","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}`
)

// The moduli of RSA keys of 512, 1023 and 1024 bits.
const (
	n512  = "9jpM0liP5ZPyfsOBEB9ChuwkqubjMwWVhvO7pTBqlH97cvco_gvywFj9FLMLnQSnNhEgcd4Z1XXe4XLio68f6w"
	n1023 = "W99q4lIFLl3hCwQZmNPSlDkucCXMA0JxYTQnlkzYrVSpRdg8fnnWWGDF02AVHJkEMBqK0Mrr55YNRWxMlxyDFet-E3zA4B6wlWFYXIYSWbcLh8fZCihqK6OMYLFRL88AQveHY_NGKZb5N7JedYFLVTLStXgj2SyGH0gddzXX8U0"
	n1024 = "3FiL3y4IGmniyyF-BQHWuBQnyaGLy_ngZKzIkn0Byxyvz2CEoZfFUgMtFbk7lb0qGlWGdnWWAlkcALkeuo65Yrz1b73EDd6zNJw5L_zKsqTMoONSi9zILnL2yGHbFGAUgVwr1ktzzaLJYhOTGKjxfWnQD8k4kC5pCAYOFndb6kM"
)

func rsaOf(n string) string { return `{"kty":"RSA","e":"AQAB","n":"` + n + `"}` }

func TestUsableKeys(t *testing.T) {
	for name, c := range map[string]struct{ body, set, dropped, problem string }{
		"in order":           {`{"keys":[` + rsaOne + `,` + edOne + `]}`, `{"keys":[` + edOne + `,{"kid":"b","kty":"RSA","n":"` + rsaN + `","e":"AQAB"}]}`, "", ""},
		"a private half":     {`{"keys":[` + strings.Replace(edOne, `"kid"`, `"d":"AQAB","kid"`, 1) + `]}`, `{"keys":[` + edOne + `]}`, "its private half is published too", ""},
		"a secret":           {`{"keys":[` + edOne + `,{"kty":"oct","k":"c2VjcmV0"}]}`, `{"keys":[` + edOne + `]}`, "it is a symmetric key", ""},
		"only a secret":      {`{"keys":[{"kty":"oct","k":"c2VjcmV0"}]}`, "", "", "it is a symmetric key"},
		"one broken key":     {`{"keys":[{"kty":"RSA","n":"!","e":"AQAB"},` + edOne + `]}`, `{"keys":[` + edOne + `]}`, "keys[0]", ""},
		"a weak key":         {`{"keys":[` + rsaOf(n1023) + `,` + edOne + `]}`, `{"keys":[` + edOne + `]}`, "its modulus has 1023 bits, so few", ""},
		"only a weak key":    {`{"keys":[` + rsaOf(n512) + `]}`, "", "", "its modulus has 512 bits, so few"},
		"a short key":        {`{"keys":[` + rsaOf(n1024) + `]}`, `{"keys":[` + rsaOf(n1024) + `]}`, "its modulus has 1024 bits, and 2048 are advised; it is used all the same", ""},
		"another exponent":   {`{"keys":[` + strings.Replace(rsaOne, "AQAB", "BQ", 1) + `,` + edOne + `]}`, `{"keys":[` + edOne + `]}`, `its "e" is neither 3 nor 65537`, ""},
		"the same key twice": {`{"keys":[` + edOne + `,` + edOne + `]}`, `{"keys":[` + edOne + `]}`, "", ""},
		"no key":             {`{"keys":[]}`, "", "", "it has no key"},
		"a page":             {`<html>`, "", "", "it is not JSON"},
		"not text":           {"\xff", "", "", "it is not UTF-8"},
	} {
		t.Run(name, func(t *testing.T) {
			// Envoy's members in another order are the same key.
			set, dropped, err := UsableKeys([]byte(c.body))
			if c.problem != "" {
				if err == nil || !strings.Contains(err.Error(), c.problem) {
					t.Fatalf("error %v, want one that says %q", err, c.problem)
				}
				return
			}
			if err != nil || normal(set) != normal(c.set) {
				t.Errorf("got %s, %v; want %s", set, err, c.set)
			}
			if said := strings.Join(dropped, "; "); !strings.Contains(said, c.dropped) || (said == "") != (c.dropped == "") {
				t.Errorf("dropped %q, want %q", said, c.dropped)
			}
		})
	}
}

// normal is a key set whose members stand in one order.
func normal(set string) string {
	again, _, err := UsableKeys([]byte(set))
	if err != nil {
		return err.Error()
	}
	return again
}

// FuzzUsableKeys holds for whatever an issuer answers: what is taken from it is a key set
// that Envoy accepts whole, holds no secret, and stays as it is when it is read again.
func FuzzUsableKeys(f *testing.F) {
	f.Add([]byte(`{"keys":[{"kty":"RSA","kid":"a","n":"u1SU1LfVLPHCozMxH2Mo4lgOEePzNm0tRgeLezV6ffAt0gunVTLw7onLRnrq0_IzW7yWR7QkrmBL7jTKEn5u-qKhbwKfBstIs-bMY2Zkp18gnTxKLxoS2tFczGkPLPgizskuemMghRniWaoLcyehkd3qqGElvW_VDL5AaWTg0nLVkjRo9z-40RQzuVaE8AkAFmxZzow3x-VJYKdjykkJ0iT9wCS0DRTXu269V264Vf_3jvredZiKRkgwlL9xNAwxXFg0x_XFw005UWVRIkdgcKWTjpBP2dPwVZ4WWC-9aGVd-Gyn1o0CLelf4rEjGoXbAAEgAqeGUxrcIlbjXfbcmw","e":"AQAB","d":"AQAB"}]}`))
	f.Add([]byte(`{"keys":[{"kty":"EC","crv":"P-256","x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4","y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"},{"kty":"oct","k":"c2VjcmV0"}]}`))
	f.Add([]byte(`{"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		set, _, err := UsableKeys(body)
		if err != nil {
			return
		}
		read := parseKeySet(set)
		if read.problem != "" || len(read.keys) == 0 {
			t.Fatalf("%q became %q: %s", body, set, read.problem)
		}
		for _, k := range read.keys {
			if k.broken != "" || k.weak() != "" || k.unusable != "" || k.secret {
				t.Fatalf("%q became %q: %+v", body, set, k)
			}
		}
		if again, _, err := UsableKeys([]byte(set)); err != nil || again != set {
			t.Fatalf("%q read again is %q, %v", set, again, err)
		}
	})
}
