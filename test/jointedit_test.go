package test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/portreeve/portreeve/internal/envoytest"
)

// policySet is everything about who may ask: an issuer of its own, another one that all sets
// share but with keys of its own, and the role that is let in.
type policySet struct {
	issuer, role string
	key          signingKey
	// extra is allowed without a token, and only by this set.
	extra string
}

const sharedIssuer = "shared.example"

// tokens and rules are the two halves of a set, which take effect together or not at all.
func (s policySet) tokens(t testing.TB) string {
	t.Helper()
	jwks := keySet(t, s.key)
	return fmt.Sprintf(`apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: {name: tokens, namespace: istio-system}
spec:
  jwtRules:
  - {issuer: %s, jwks: '%s'}
  - {issuer: %s, jwks: '%s'}
`, s.issuer, jwks, sharedIssuer, jwks)
}

func (s policySet) rules() string {
	return fmt.Sprintf(`---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: rules, namespace: istio-system}
spec:
  rules:
  - when: [{key: "request.auth.claims[role]", values: [%s]}]
  - to: [{operation: {paths: [%s]}}]
`, s.role, s.extra)
}

func (s policySet) policy(t testing.TB) string { return s.tokens(t) + s.rules() }

// question is a request and the only two answers that it can get: the first set's and the
// second's.
type question struct {
	name, path, token string
	verdicts          [2]int
}

// questions returns requests with the tokens of both sets and with none. With a token of one
// set its tokens and the other's rules would give a third answer.
func questions(t testing.TB, sets [2]policySet) []question {
	t.Helper()
	out := []question{
		{"no token, guarded", "/guarded", "", [2]int{403, 403}},
		{"no token, the first set's path", sets[0].extra, "", [2]int{200, 403}},
		{"no token, the second set's path", sets[1].extra, "", [2]int{403, 200}},
	}
	for i, s := range sets {
		other := sets[1-i]
		for _, issuer := range []string{s.issuer, sharedIssuer} {
			let, refused := [2]int{401, 401}, [2]int{401, 401}
			let[i], refused[i] = 200, 403
			out = append(out,
				// With the other set's rules it would be 403.
				question{fmt.Sprintf("token of set %d by %s, its role", i, issuer), "/guarded", s.key.token(t, issuer, map[string]any{"role": s.role}), let},
				// With the other set's rules it would be 200.
				question{fmt.Sprintf("token of set %d by %s, the other's role", i, issuer), "/guarded", s.key.token(t, issuer, map[string]any{"role": other.role}), refused})
		}
	}
	return out
}

// ask sends the question and returns the status. A connection that is closed, or is about
// to be, is an error.
func (q question) ask(c *envoytest.Client, address string) (int, error) {
	var header []string
	if q.token != "" {
		header = bearer(q.token)
	}
	answer, err := c.Get(context.Background(), "http://"+address+q.path, header...)
	switch {
	case err != nil:
		return 0, err
	case answer.Closing:
		return 0, fmt.Errorf("the answer announces that the connection is closed")
	}
	return answer.Status, nil
}

// TestAJointEditIsAtomic edits issuer, keys and rules together, to and fro, under load on open
// connections: every answer is that of the one policy or of the other, none is a mixture.
func TestAJointEditIsAtomic(t *testing.T) {
	envoytest.Require(t)
	const flips, clients = 200, 8
	sets := [2]policySet{
		{issuer: "first.example", role: "reader", key: newSigningKey(t), extra: "/first"},
		{issuer: "second.example", role: "writer", key: newSigningKey(t), extra: "/second"},
	}
	for name, more := range map[string]string{"few rules": "", "rules enough for match trees": besides(64)} {
		t.Run(name, func(t *testing.T) {
			policies := [2]string{sets[0].policy(t) + more, sets[1].policy(t) + more}
			flipJointly(t, newScene(t, policies[0]), policies, questions(t, sets), flips, clients)
		})
	}
}

// besides are policies for paths that nobody asks for, so many that allow and so many that deny.
func besides(n int) string {
	var out strings.Builder
	for i := range n {
		for _, action := range []string{"ALLOW", "DENY"} {
			fmt.Fprintf(&out, "\n---\napiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {name: %s-%d, namespace: istio-system}\nspec: {action: %s, rules: [{to: [{operation: {paths: [/%s/%d]}}]}]}\n",
				strings.ToLower(action), i, action, action, i)
		}
	}
	return out.String()
}

// flipJointly edits to and fro while clients ask all questions, and holds that each answer is
// one of the two that there are.
func flipJointly(t *testing.T, s *scene, policies [2]string, asked []question, flips, clients int) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	counts := make([]map[string]map[int]int, clients)
	for i := range clients {
		c := dial(t, s.address)
		counts[i] = map[string]map[int]int{}
		running.Go(func() { flippedAnswers(ctx, t, c, s.address, asked, i, counts[i]) })
	}
	probe := dial(t, s.address)
	for flip := range flips {
		now := (flip + 1) % 2
		replace(t, s.policy, policies[now])
		eventually(t, "the edit is enforced", func() bool {
			status, err := asked[3].ask(probe, s.address)
			must(t, err)
			return status == asked[3].verdicts[now]
		})
		// Enforced by the one is enforced by all that follows.
		for _, q := range asked {
			if status, err := q.ask(probe, s.address); err != nil || status != q.verdicts[now] {
				t.Errorf("flip %d, %s: status %d, want %d: %v", flip, q.name, status, q.verdicts[now], err)
			}
		}
	}
	cancel()
	running.Wait()

	total := 0
	for _, q := range asked {
		seen := map[int]int{}
		for _, c := range counts {
			for status, n := range c[q.name] {
				seen[status] += n
				total += n
				if !slices.Contains(q.verdicts[:], status) {
					t.Errorf("%s: %d answers %d, which is neither set's verdict %v", q.name, n, status, q.verdicts)
				}
			}
		}
		if seen[q.verdicts[0]] == 0 || seen[q.verdicts[1]] == 0 {
			t.Errorf("%s: answers %v, want some of each of %v", q.name, seen, q.verdicts)
		}
	}
	t.Logf("%d requests on %d connections during %d flips", total, clients, flips)
}

// flippedAnswers asks all questions in turn, on one connection, until the context ends.
func flippedAnswers(ctx context.Context, t *testing.T, c *envoytest.Client, address string, asked []question, first int, counts map[string]map[int]int) {
	t.Helper()
	for _, q := range asked {
		counts[q.name] = map[int]int{}
	}
	for i := first; ctx.Err() == nil; i++ {
		q := asked[i%len(asked)]
		status, err := q.ask(c, address)
		if err != nil {
			t.Error(err)
			return
		}
		counts[q.name][status]++
	}
}

// TestARotationRefusesNobody rotates an issuer's keys as it should be done: the new key
// beside the old one, then new tokens, then the old key away. No token in use is refused.
func TestARotationRefusesNobody(t *testing.T) {
	envoytest.Require(t)
	const rotations, clients = 20, 8
	policy := func(keys ...signingKey) string {
		return fmt.Sprintf(`apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: {name: tokens, namespace: istio-system}
spec:
  jwtRules:
  - {issuer: issuer.example, jwks: '%s'}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: rules, namespace: istio-system}
spec:
  rules:
  - from: [{source: {requestPrincipals: ["*"]}}]
`, keySet(t, keys...))
	}
	old := newSigningKey(t)
	s := newScene(t, policy(old))
	l := &rotationLoad{token: old.token(t, "issuer.example", nil)}
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	for range clients {
		c := dial(t, s.address)
		running.Go(func() { l.client(ctx, t, c, s.address) })
	}
	probe := dial(t, s.address)
	becomes := func(token string, want int) {
		t.Helper()
		eventually(t, "the rotation is enforced", func() bool {
			status, err := question{path: "/", token: token}.ask(probe, s.address)
			must(t, err)
			return status == want
		})
	}
	for range rotations {
		key := newSigningKey(t)
		before, after := l.token, key.token(t, "issuer.example", nil)
		replace(t, s.policy, policy(old, key))
		becomes(after, 200)
		l.use(after)
		replace(t, s.policy, policy(key))
		becomes(before, 401)
		old = key
	}
	cancel()
	running.Wait()
	if l.wrong > 0 || l.right == 0 {
		t.Errorf("%d of %d answers refuse a token in use", l.wrong, l.right+l.wrong)
	}
	t.Logf("%d requests on %d connections during %d rotations", l.right+l.wrong, clients, rotations)
}

// rotationLoad is clients that all use the token of the day.
type rotationLoad struct {
	// inUse is held for reading while a request is under way with the token.
	inUse        sync.RWMutex
	token        string
	mu           sync.Mutex
	right, wrong int
}

// use changes the token, when no request with the former one is under way any more.
func (l *rotationLoad) use(token string) {
	l.inUse.Lock()
	defer l.inUse.Unlock()
	l.token = token
}

func (l *rotationLoad) client(ctx context.Context, t *testing.T, c *envoytest.Client, address string) {
	t.Helper()
	for ctx.Err() == nil {
		l.inUse.RLock()
		status, err := question{path: "/", token: l.token}.ask(c, address)
		l.inUse.RUnlock()
		if err != nil {
			t.Error(err)
			return
		}
		l.mu.Lock()
		if status == 200 {
			l.right++
		} else {
			l.wrong++
		}
		l.mu.Unlock()
	}
}
