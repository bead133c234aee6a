package optimize_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	securityv1beta1 "istio.io/api/security/v1beta1"

	"github.com/portreeve/portreeve/internal/envoytest"
	"github.com/portreeve/portreeve/translate/explain/token"
	"github.com/portreeve/portreeve/translate/policy"
)

// TestIssuersAreFoundAsIstioTriesThem asks the real Envoy, and explain, the same of both forms: random issuers that read tokens in
// random places, and requests with none to three tokens, good and bad, also written in ways in which places are
// missed. Answers, what the backend gets, and what is left in metadata are the same. PORTREEVE_SOAK=1 asks
// 24,000 times; PORTREEVE_SEED repeats a run.
func TestIssuersAreFoundAsIstioTriesThem(t *testing.T) {
	const requests = 100
	r := tokens{Rand: rand.New(rand.NewPCG(seed(t), 1)), now: time.Now().Unix(), keepsForged: strings.HasPrefix(envoytest.Release(t), "1.39.")}
	sets := 25
	if os.Getenv("PORTREEVE_SOAK") == "1" {
		sets = 240
	}
	seen := map[string]int{}
	for ; sets > 0; sets -= 20 {
		t.Run(fmt.Sprint(sets), func(t *testing.T) { r.compare(t, min(sets, 20), requests, seen) })
	}
	t.Logf("answers: %v", seen)
	for status, least := range map[string]int{"200": requests, "401": requests, "403": requests / 5, "guarded 200": requests, "guarded 401": requests} {
		if seen[status] < least {
			t.Errorf("%d answers %s: too few to say anything", seen[status], status)
		}
	}
}

// compare asks both forms of random sets of issuers.
func (r *tokens) compare(t *testing.T, sets, requests int, seen map[string]int) {
	filters := map[string]proto.Message{}
	policies := make([]policy.Policy, sets)
	guarded := make([]bool, sets)
	rules := make([][]*securityv1beta1.JWTRule, sets)
	judges := make([][2]*token.Filter, sets)
	for i := range sets {
		rules[i] = r.rules()
		policies[i] = policyOf(rules[i]...)
		plain, fast := tokenFilter(t, policies[i]), optimized(t, policies[i], 100, "issuers", "token-cache")
		guarded[i] = len(fast.GetRules()) > 1
		judges[i] = [2]*token.Filter{judge(t, plain), judge(t, fast)}
		filters[fmt.Sprint("plain-", i)], filters[fmt.Sprint("fast-", i)] = plain, fast
	}
	e := serving(t, filters)
	for i := range sets {
		plain := &asker{address: e.MustListener(t, fmt.Sprint("plain-", i))}
		fast := &asker{address: e.MustListener(t, fmt.Sprint("fast-", i))}
		for range requests {
			request := r.request(rules[i])
			want, got := plain.ask(t, request), fast.ask(t, request)
			if got != want {
				t.Fatalf("%q\nIstio's form: %s\nours:         %s\n%v\n%v", request, want, got, rules[i], filters[fmt.Sprint("fast-", i)])
			}
			explained(t, judges[i][0], request, want)
			explained(t, judges[i][1], request, want)
			seen[want[:3]]++
			if guarded[i] {
				seen["guarded "+want[:3]]++
			}
		}
	}
}

// tokens makes random issuers and requests.
type tokens struct {
	*rand.Rand
	now int64
	// keepsForged says that the Envoy is one that removes headers made of claims only of some providers.
	keepsForged bool
}

func (r *tokens) in(n int) bool { return r.IntN(n) == 0 }

func (r *tokens) pick(of ...string) string { return of[r.IntN(len(of))] }

func (r *tokens) rules() []*securityv1beta1.JWTRule {
	var out []*securityv1beta1.JWTRule
	// Most sets have few places, so that guards are made for them.
	wide := r.in(4)
	for i := range 2 + r.IntN(7) {
		rule := &securityv1beta1.JWTRule{Issuer: fmt.Sprint("issuer-", i), Jwks: keySet(fmt.Sprint("secret-", i)), ForwardOriginalToken: r.in(3)}
		if r.in(3) {
			rule.Audiences = []string{"shop"}
		}
		if r.in(3) {
			rule.OutputPayloadToHeader = r.pick("x-payload", fmt.Sprint("x-payload-", i))
		}
		if r.in(3) {
			rule.OutputClaimToHeaders = []*securityv1beta1.ClaimToHeader{{Header: r.pick("x-sub", fmt.Sprint("x-sub-", i)), Claim: "sub"}}
		}
		if !r.in(3) {
			r.places(rule, wide)
		}
		out = append(out, rule)
	}
	return out
}

func (r *tokens) places(rule *securityv1beta1.JWTRule, wide bool) {
	if r.in(2) {
		rule.FromHeaders = append(rule.FromHeaders, &securityv1beta1.JWTHeader{Name: "Authorization", Prefix: "Bearer "})
	}
	if r.in(5) {
		rule.FromHeaders = append(rule.FromHeaders, &securityv1beta1.JWTHeader{Name: "x-token"})
	}
	if r.in(4) {
		rule.FromCookies = append(rule.FromCookies, "session")
	}
	if r.in(4) {
		rule.FromParams = append(rule.FromParams, "token")
	}
	if !wide {
		return
	}
	if r.in(4) {
		rule.FromHeaders = append(rule.FromHeaders, &securityv1beta1.JWTHeader{Name: "authorization", Prefix: r.pick("Token ", "", "Bearer")})
	}
	if r.in(4) {
		rule.FromHeaders = append(rule.FromHeaders, &securityv1beta1.JWTHeader{Name: r.pick("x-token", "x-other"), Prefix: r.pick("", "Jwt ")})
	}
	if r.in(4) {
		rule.FromParams = append(rule.FromParams, r.pick("access_token", "t&t", "to ken", "tök"))
	}
}

// request is one with tokens where issuers read them, and where nobody does.
func (r *tokens) request(rules []*securityv1beta1.JWTRule) string {
	var headers, query []string
	cookies := []string{}
	for range r.IntN(4) {
		text := r.token(rules)
		switch r.IntN(9) {
		case 0, 1, 2:
			headers = append(headers, "Authorization: "+r.pick("Bearer ", "Bearer ", "Bearer ", "Bearer ", "bearer ", "Token ", "", "Basic x, Bearer ", "Bearer Token ", "Bearer,")+text)
		case 3:
			headers = append(headers, r.pick("x-token", "X-Token", "x-other", "x_token")+": "+r.pick("", "", "Jwt ")+text)
		case 4, 5, 6:
			query = append(query, r.pick("token", "token", "token", "access_token", "access_token", "%74oken", "acces%73_token", "token%00", "t%26t", "to%20ken", "to+ken", "t%C3%B6k", "%2574oken", "Token")+"="+text)
		default:
			cookies = append(cookies, r.pick("session", "session", "session", "Session", "session ", "xsession")+"="+r.pick(text, text, `"`+text+`"`))
		}
	}
	headers = append(headers, r.cookieLines(cookies)...)
	return r.pick("GET", "GET", "GET", "OPTIONS") + " " + r.path(query) + " HTTP/1.1\r\nHost: a.example\r\n" + strings.Join(append(r.noise(), headers...), "\r\n") + "\r\n\r\n"
}

func (r *tokens) cookieLines(cookies []string) []string {
	if r.in(3) {
		cookies = append([]string{r.pick("a=b", "session", "note=session%20", "=session", ";")}, cookies...)
	}
	if len(cookies) == 0 {
		return nil
	}
	if r.in(4) {
		return []string{"Cookie: " + strings.Join(cookies, "\r\nCookie: ")}
	}
	return []string{"Cookie: " + strings.Join(cookies, r.pick("; ", ";", ";  "))}
}

// path has a query with other parameters too. Of HTTP/1 Envoy refuses paths whose bytes are no ASCII.
func (r *tokens) path(query []string) string {
	if r.in(3) {
		query = append(query, r.pick("a=b", "a=%20", "a%20b=c", "token", "access_token=", "=", "a=b=c", "%", "?access_token=x"))
	}
	r.Shuffle(len(query), func(i, j int) { query[i], query[j] = query[j], query[i] })
	out := r.pick("/", "/a", "/a%3Ftoken=x", "/a%20", "/a&token=x")
	if len(query) > 0 {
		out += "?" + strings.Join(query, r.pick("&", "&", "&", "&&", ";"))
	}
	return out
}

func (r *tokens) noise() []string {
	out := []string{"Accept: */*"}
	if r.in(6) {
		out = append(out, "Origin: http://a.example", "Access-Control-Request-Method: GET")
	}
	// Envoy 1.39 removes only those of the providers that it asks, so the two forms leave different ones. Gateways are served
	// a filter that removes all of them before: TestNoClientWritesAHeaderThatIsSetFromAClaim holds that of every Envoy.
	if r.in(6) && !r.keepsForged {
		out = append(out, "x-payload: forged", "x-sub: forged")
	}
	if r.in(8) {
		out = append(out, r.pick("Authorization: Basic YTpi", "Authorization:", "x-token:", "Authorization: Digest a=b, c=d", "x-token: a, b"))
	}
	return out
}

// token is good in half of all cases.
func (r *tokens) token(rules []*securityv1beta1.JWTRule) string {
	issuer := r.IntN(len(rules))
	secret := fmt.Sprint("secret-", issuer)
	claims := map[string]any{"iss": fmt.Sprint("issuer-", issuer), "sub": r.pick("a", "b"), "exp": r.now + 3600, "scope": "read write"}
	if !r.in(3) {
		claims["aud"] = r.pick("shop", "shop", "other")
	}
	switch r.IntN(16) {
	case 0:
		secret = "secret-none"
	case 1:
		secret = fmt.Sprint("secret-", r.IntN(len(rules)))
	case 2:
		claims["exp"] = r.now - 100
	case 3:
		claims["nbf"] = r.now + 1000
	case 4:
		claims["iss"] = r.pick("stranger", "", "issuer-", "Issuer-0")
	case 5:
		delete(claims, "iss")
	case 6:
		return r.pick("x", "a.b.c", "", "..", minted(secret, claims)+"x", minted(secret, claims)+","+minted(secret, claims))
	case 7:
		claims["iss"] = 5
	}
	return minted(secret, claims)
}
