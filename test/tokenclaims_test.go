package test

import (
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode"
)

// claimMutations are payloads by their names; ISS stands for the issuer.
func claimMutations() map[string]string {
	out := map[string]string{
		"nothing": ``, "empty object": `{}`, "null": `null`, "a string": `"x"`, "a list": `[]`, "a number": `1`, "true": `true`, "white space": `  `, "nul": `nul`,
		"no claim but iss": `{ISS}`, "spaces": " {\t\"iss\" : \"claims\" ,\n\"a\":1\r} ", "something behind": `{ISS} x`, "comma": `{ISS,}`, "two commas": `{ISS,,}`, "comma alone": `{,}`,
		"bare name": `{iss:"claims"}`, "bare name with digit": `{a1:1,ISS}`, "bare name of digit": `{1a:1,ISS}`, "bare name with dash": `{a-b:1,ISS}`, "bare true": `{true:1,ISS}`, "empty name": `{"":1,ISS}`,
		"single quotes": `{'iss':'claims'}`, "mixed quotes": `{'iss":"claims'}`, "quote in quotes": `{'a':'"',ISS}`, "escaped single quote": `{"a":"\'",ISS}`,
		"no colon": `{"iss" "claims"}`, "no value": `{"a":,ISS}`, "no comma": `{"a":1 ISS}`, "value behind": `{"a":true x,ISS}`, "truer": `{"a":truer,ISS}`, "tru": `{"a":tru,ISS}`, "TRUE": `{"a":TRUE,ISS}`,
		"NaN": `{"a":NaN,ISS}`, "Infinity": `{"a":Infinity,ISS}`, "undefined": `{"a":undefined,ISS}`, "comment": `{/**/ISS}`, "plus": `{"a":+1,ISS}`, "hex": `{"a":0x1,ISS}`,
		"twice": `{"a":1,"a":1,ISS}`, "iss twice": `{ISS,ISS}`, "iss twice, once other": `{"iss":"other",ISS}`, "twice by escape": `{"a":1,"\u0061":1,ISS}`, "twice within": `{"b":{"a":1,"a":2},ISS}`, "twice in a list": `{"b":[{"a":1,"a":2}],ISS}`, "same in two": `{"b":{"a":1},"c":{"a":1},ISS}`,
		"list": `{"a":[1,"b",null,true,{}],ISS}`, "list with comma": `{"a":[1,],ISS}`, "list of comma": `{"a":[,],ISS}`, "list without comma": `{"a":[1 2],ISS}`, "open list": `{"a":[1`, "closed otherwise": `{"a":[1},ISS}`,
		"NUL in text": "{\"a\":\"\x00\",ISS}", "newline in text": "{\"a\":\"x\ny\",ISS}", "DEL in text": "{\"a\":\"\x7f\",ISS}", "open text": `{"a":"x`, "backslash at the end": `{"a":"x\`,
		"escapes": `{"a":"\"\\\/\b\f\n\r\t\u0041\u00e9\u20ac",ISS}`, "unknown escape": `{"a":"\x41",ISS}`, "escape a": `{"a":"\a",ISS}`, "escape v": `{"a":"\v",ISS}`, "escape 0": `{"a":"\0",ISS}`, "capital U": `{"a":"\U0041",ISS}`, "short unicode": `{"a":"\u41",ISS}`, "no hex": `{"a":"\u00g1",ISS}`, "unicode with sign": `{"a":"\u+041",ISS}`, "escaped NUL": `{"a":"\u0000",ISS}`,
		"pair": `{"a":"\ud83d\ude00",ISS}`, "high alone": `{"a":"\ud83d",ISS}`, "low alone": `{"a":"\ude00",ISS}`, "two high": `{"a":"\ud83d\ud83d",ISS}`, "high and letter": `{"a":"\ud83d\u0041",ISS}`, "last of all": `{"a":"\udbff\udfff",ISS}`, "one before": `{"a":"\udbff\udffe",ISS}`, "space in pair": `{"a":"\ud83d \ude00",ISS}`, "noncharacter": `{"a":"\uffff",ISS}`,
		"UTF-8": `{"a":"é€😀",ISS}`, "byte FF": "{\"a\":\"\xff\",ISS}", "byte 80": "{\"a\":\"\x80\",ISS}", "cut short": "{\"a\":\"\xe2\x82\",ISS}", "overlong": "{\"a\":\"\xc0\xaf\",ISS}", "overlong of three": "{\"a\":\"\xe0\x80\xaf\",ISS}", "surrogate": "{\"a\":\"\xed\xa0\x80\",ISS}", "above all": "{\"a\":\"\xf4\x90\x80\x80\",ISS}", "F8": "{\"a\":\"\xf8\x88\x80\x80\x80\",ISS}", "Latin-1 behind escape": "{\"a\":\"\\n\xe9\",ISS}", "bad name": "{\"\xff\":1,ISS}", "UTF-16": "\xff\xfe{\x00}\x00", "BOM": "\ufeff{ISS}", "no-break space": "{\u00a0ISS}", "form feed": "{\fISS}",
		"bad UTF-8 in sub": "{\"sub\":\"\xed\xa0\x80\",ISS}", "overlong iss": "{\"iss\":\"claim\xc1\xb3\"}",
		"iss with escape": `{"iss":"cla\u0069ms"}`, "iss of other case": `{"ISS":"claims"}`, "no iss": `{"sub":"x"}`, "iss other": `{"iss":"Claims"}`, "iss with slash": `{"iss":"claims/"}`, "iss with space": `{"iss":"claims "}`, "iss with NUL": "{\"iss\":\"claims\x00\"}",
		"nested iss": `{"x":{"iss":"claims"}}`, "dotted": `{"a.b":1,"iss.x":2,ISS}`,
	}
	for _, value := range []string{`"x"`, `1`, `1.5`, `true`, `null`, `[]`, `["x"]`, `{}`, `""`} {
		for _, claim := range []string{"sub", "jti", "aud", "iat", "nbf", "exp", "x"} {
			out[claim+" is "+value] = fmt.Sprintf(`{%q:%s,ISS}`, claim, value)
		}
		out["iss is "+value] = `{"iss":` + value + `}`
	}
	now := time.Now().Unix()
	for _, claim := range []string{"iat", "nbf", "exp"} {
		for _, value := range []string{
			"0", "-0", "-1", "0.9", "-0.5", "1e3", "1E+3", "1e-400", "1e400", "-1e400", "18446744073709551615", "18446744073709551616", "18446744073709549568", "9223372036854775807", "9223372036854775808", "1e19", "1e20", "253402300800", "01", "1.", ".5", "-", "--1", "1e", "1e+", "1_0", "1.5.5", "1-1", "4294967296", "99999999999999999999999999999999",
			fmt.Sprint(now - 30), fmt.Sprint(now - 57), fmt.Sprint(now - 64), fmt.Sprint(now - 3600), fmt.Sprint(now + 30), fmt.Sprint(now + 54), fmt.Sprint(now + 70), fmt.Sprint(now + 3600), fmt.Sprintf("%d.999", now-70), fmt.Sprintf("%de-1", (now+3600)*10), fmt.Sprintf(`"%d"`, now+3600),
		} {
			out[claim+" "+value] = fmt.Sprintf(`{%q:%s,ISS}`, claim, value)
		}
	}
	for _, depth := range []int{50, 97, 98, 99, 100, 101, 200} {
		out[fmt.Sprintf("lists of depth %d", depth)] = `{"a":` + strings.Repeat("[", depth) + strings.Repeat("]", depth) + `,ISS}`
		out[fmt.Sprintf("objects of depth %d", depth)] = `{"a":` + strings.Repeat(`{"a":`, depth) + "1" + strings.Repeat("}", depth) + `,ISS}`
	}
	out["wrong types of all"] = `{"iss":1,"sub":1,"iat":"x","nbf":"x","exp":"x","jti":1,"aud":1}`
	out["wrong types of the last"] = `{"exp":-1,"jti":1,"aud":1,ISS}`
	out["long"] = `{"a":"` + strings.Repeat("x", 20000) + `",ISS}`
	return out
}

// audienceMutations are claims of audiences for a rule that accepts what audienceRule says.
func audienceMutations() map[string]string {
	out := map[string]string{}
	for _, value := range []string{
		`"a"`, `"A"`, `"a/"`, `"a//"`, `"http://a"`, `"https://a/"`, `"HTTP://a"`, `"http://https://a"`, `"b"`, `"https://b"`, `"b/"`, `"http://b/"`, `""`, `"/"`, `"http://"`, `"https:///"`, `"c/d"`, `"c/d/"`, `"c"`, `" a"`,
		`["a"]`, `["x","a"]`, `["x","y"]`, `["x"]`, `[]`, `["a",1]`, `[1,"a"]`, `[["a"]]`, `["a",null]`, `{"a":"a"}`, `null`, `1`, `["a","a"]`,
	} {
		out["aud is "+value] = `{"aud":` + value + `,ISS}`
	}
	out["no aud"] = `{ISS}`
	out["aud and expired"] = `{"aud":"x","exp":1,ISS}`
	return out
}

// TestClaimsAreExplainedAsEnvoyTakesThem asks Envoy and explain about payloads of every shape, and of
// signatures that no library makes.
func TestClaimsAreExplainedAsEnvoyTakesThem(t *testing.T) {
	k := newTokenKeys(t)
	keys := k.set(t, asTheyAre, "HS256", "RS256", "PS256", "ES256")
	outputs := `outputPayloadToHeader: x-payload, outputClaimToHeaders: [{header: x-claim, claim: a}, {header: x-sub, claim: sub}, {header: x-nested, claim: a.b}, {header: x-exp, claim: exp}]`
	w := newTokenWorld(t, map[string]string{
		"claims":    fmt.Sprintf("  - {issuer: claims, %s, jwks: '%s'}\n", outputs, keys),
		"audiences": fmt.Sprintf("  - {issuer: claims, audiences: [a, 'https://b/', c/d], jwks: '%s'}\n", keys),
	})
	ask := func(rules, name, text string) {
		t.Run(rules+"/"+name, func(t *testing.T) {
			w.agree(t, rules, tokenRequest{"GET", "/path?q=1", []string{"authorization", "Bearer " + text, "x-claim", "forged", "x-payload", "forged"}})
		})
	}
	iss := func(payload string) string { return strings.ReplaceAll(payload, "ISS", `"iss":"claims"`) }
	for name, payload := range claimMutations() {
		ask("claims", name, k.sign(t, "HS256", headerOf("HS256"), iss(payload)))
	}
	for name, payload := range audienceMutations() {
		ask("audiences", name, k.sign(t, "HS256", headerOf("HS256"), iss(payload)))
	}
	for name, text := range ecMutations(t, k, "claims") {
		ask("claims", name, text)
	}
	for name, text := range rsaMutations(t, k, "claims") {
		ask("claims", name, text)
	}
	formats := ""
	for r := rune(0x7e); r <= 0xe0100; r++ {
		if near := unicode.In(r-1, unicode.Cf, unicode.Zl, unicode.Zp, unicode.Cc) || unicode.In(r+1, unicode.Cf, unicode.Zl, unicode.Zp) || unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp) || r>>1 == 0x17b4>>1; near {
			formats += string(r)
		}
	}
	for name, value := range map[string]string{
		"characters that format": `["` + formats + `"]`,
		"text":                   `"x"`, "empty": `""`, "number": `12`, "negative": `-1`, "fraction": `1.5`, "tenth": `0.1`, "large": `1e15`, "larger": `1e21`, "2^53+1": `9007199254740993`, "2^63": `9223372036854775808`, "2^64": `18446744073709551616`, "tiny": `1e-7`, "true": `true`, "false": `false`, "null": `null`,
		"empty list": `[]`, "list": `["a","b"]`, "numbers": `[1,1.5,0.1,1e15,1e21,1e-7,123456789012345678,-0,0.30000000000000004,100000,1e300]`, "mixed": `[null,true,"x",[1],{}]`, "object": `{"k":"v"}`, "empty object": `{}`, "nested": `{"b":"inner"}`, "nested list": `{"b":["x"]}`, "nested object": `{"b":{"c":1}}`,
		"words": `" a b  c"`, "escapes in list": `["<>&'\"\\\/\b\f\n\r\t\u0001\u0080\u00ad\u200b\u2028é😀"]`, "spaces": `"a b"`, "UTF-8": `"é"`,
	} {
		ask("claims", "scope "+name, k.sign(t, "HS256", headerOf("HS256"), iss(`{"scope":`+value+`,ISS}`)))
		ask("claims", "claim "+name, k.sign(t, "HS256", headerOf("HS256"), iss(`{"a":`+value+`,ISS}`)))
	}
}
