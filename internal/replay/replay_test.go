package replay

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/portreeve/portreeve/translate"
	"github.com/portreeve/portreeve/translate/envoy"
	"github.com/portreeve/portreeve/translate/explain"
	"github.com/portreeve/portreeve/translate/model"
	"github.com/portreeve/portreeve/translate/source"
)

const servers = `apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: gateway, namespace: istio-system}
spec:
  selector: {istio: ingressgateway}
  servers:
  - {port: {number: 8080, name: http, protocol: HTTP}, hosts: ["*"]}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: backend, namespace: istio-system}
spec:
  hosts: ["*"]
  gateways: [gateway]
  http: [{route: [{destination: {host: backend.local, port: {number: 80}}}]}]
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: backend, namespace: istio-system}
spec:
  hosts: [backend.local]
  ports: [{number: 80, name: http, protocol: HTTP}]
  resolution: STATIC
  endpoints: [{address: 127.0.0.1}]
`

// rule is a DENY policy.
func rule(name, of string) string {
	return fmt.Sprintf(`---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: %s, namespace: istio-system}
spec:
  action: DENY
  rules: [%s]
`, name, of)
}

func compiled(t testing.TB, policy string) (envoy.Resources, *explain.Gateway) {
	t.Helper()
	program := translate.Compile([]source.File{{Path: "policy.yaml", Content: []byte(servers + policy)}}, model.DefaultSettings())
	resources, refused := program.For(model.Gateway{Namespace: "istio-system", Labels: map[string]string{"istio": "ingressgateway"}})
	if len(refused) > 0 {
		t.Fatal(refused)
	}
	gateway, err := explain.New(resources)
	if err != nil {
		t.Fatal(err)
	}
	return resources, gateway
}

func options(t testing.TB, before, after string) Options {
	t.Helper()
	oldResources, oldGateway := compiled(t, before)
	newResources, newGateway := compiled(t, after)
	return Options{Old: oldGateway, New: newGateway, Formats: NewFormats(envoy.LogFormats(oldResources)), Facts: NewFacts(oldResources, newResources)}
}

// line is a line of the default format.
func line(method, path, agent string, status int) string {
	return fmt.Sprintf(`[2026-11-30T10:00:00.000Z] "%s %s HTTP/1.1" %d - via_upstream - "-" 0 5 1 1 "192.0.2.1" "%s" "id" "shop.example" "127.0.0.1:80" outbound - 10.0.0.1:8080 192.0.2.1:4000 - - 192.0.2.1:4000 "-" "-" "-" http - "-" "-" "-" "-" "-" "-"`+"\n",
		method, path, status, agent)
}

func replayed(t testing.TB, log []byte, o Options) Report {
	t.Helper()
	report, err := Run(t.Context(), bytes.NewReader(log), o)
	if err != nil {
		t.Fatal(err)
	}
	return report
}

// TestAReplayCountsByTheRuleThatDecides holds for lines that change, that do not, and whose log lacks what decides.
func TestAReplayCountsByTheRuleThatDecides(t *testing.T) {
	o := options(t, rule("closed", `{to: [{operation: {paths: [/a]}}]}`), rule("closed", `{to: [{operation: {paths: [/b]}}]}`)+
		rule("named", `{to: [{operation: {paths: [/c]}}], when: [{key: "request.headers[x-user]", values: [eve]}]}`))
	log := line("GET", "/a", "curl", 403) + line("GET", "/b", "curl", 200) + line("GET", "/b", "curl", 200) + line("GET", "/c", "curl", 200) + line("GET", "/d", "curl", 200)
	got := replayed(t, []byte(log), o)
	want := Report{
		Lines: 5, Requests: 5, Unchanged: 1, Changed: 3, Depends: 1,
		Changes: []Change{
			{
				From: "allowed", To: "denied 403", Count: 2, Rate: 0.4, Was: got.Changes[0].Was,
				Is:       Rule{Name: "ns[istio-system]-policy[closed]-rule[0]", Filter: "envoy.filters.http.rbac.deny", At: got.Changes[0].Is.At},
				Examples: []Example{{2, "GET", "shop.example", "/b"}, {3, "GET", "shop.example", "/b"}},
			},
			{
				From: "denied 403", To: "allowed", Count: 1, Rate: 0.2, Is: got.Changes[1].Is,
				Was:      Rule{Name: "ns[istio-system]-policy[closed]-rule[0]", Filter: "envoy.filters.http.rbac.deny", At: got.Changes[1].Was.At},
				Examples: []Example{{1, "GET", "shop.example", "/a"}},
			},
		},
		DependsOn: []Fact{{got.DependsOn[0].Name, 1}}, Skipped: []Fact{},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if !strings.Contains(got.DependsOn[0].Name, "x-user") || !strings.HasPrefix(got.Changes[0].Is.At, "policy.yaml:") {
		t.Errorf("it depends on %v, and the rule is at %q", got.DependsOn, got.Changes[0].Is.At)
	}
}

// TestAForgedLineIsBroken holds for a client that writes the rest of a line into a header: his words stand
// in no other's place. What he sent is not shown.
func TestAForgedLineIsBroken(t *testing.T) {
	o := options(t, "", rule("closed", `{to: [{operation: {paths: [/a]}}]}`))
	for name, agent := range map[string]string{
		"a quote":       `a"b`,
		"another field": `a" "id2`,
		"a whole rest":  `x" "id" "shop.example" "127.0.0.1:80" outbound - 10.0.0.1:9999 192.0.2.1:4000 - - 192.0.2.1:4000 "-" "-" "-" http - "-" "-" "-" "-" "-" "-"`,
	} {
		got := replayed(t, []byte(line("GET", "/a", agent, 200)+line("GET", "/a", "fine", 200)), o)
		if got.Broken.Count != 1 || got.Changed != 1 || got.Lines != 2 {
			t.Errorf("%s: %+v", name, got)
		}
		if strings.Contains(fmt.Sprint(got.Broken), agent) {
			t.Errorf("%s: the line is shown: %+v", name, got.Broken)
		}
	}
}

// TestLinesAreBounded holds for a line that has no end: it is broken, and the next one is read.
func TestLinesAreBounded(t *testing.T) {
	o := options(t, "", rule("closed", `{to: [{operation: {paths: [/a]}}]}`))
	got := replayed(t, []byte(line("GET", "/a", strings.Repeat("x", 64<<10), 200)+line("GET", "/a", "fine", 200)), o)
	if got.Broken.Count != 1 || got.Changed != 1 || got.Broken.Examples[0].Line != 1 {
		t.Errorf("%+v", got)
	}
	if got := replayed(t, []byte(line("GET", "/a", strings.Repeat("x", 30<<10), 200)), o); got.Changed != 1 {
		t.Errorf("a line of 30 KiB: %+v", got)
	}
}

// TestAReportIsBounded holds for a log in which everything is broken, or changes in its own way.
func TestAReportIsBounded(t *testing.T) {
	tally := newTally()
	for i := range 3 * maxChanges {
		c := &comparison{kind: Changed, old: outcome{verdict: explain.Allowed}, new: outcome{verdict: explain.Denied, rule: Rule{Name: fmt.Sprint(i)}}}
		tally.add(question{record: record{settled: c}, line: i + 1})
		tally.add(question{record: record{settled: &comparison{kind: Depends, facts: []string{fmt.Sprint(i)}}}})
		tally.broken(i, errAdjoining)
	}
	got := tally.report()
	if len(got.Changes) != maxChanges || got.MoreChanges != 2*maxChanges || len(got.DependsOn) != maxFacts+1 || len(got.Broken.Examples) != maxExamples || got.Changed != 3*maxChanges {
		t.Errorf("%d changes and %d more, %d facts, %d examples", len(got.Changes), got.MoreChanges, len(got.DependsOn), len(got.Broken.Examples))
	}
	known := newCache[int](cached)
	for i := range 3 * cached {
		known.put(fmt.Sprint(i), i)
	}
	if n := len(known.young) + len(known.former); n > cached {
		t.Errorf("%d requests are remembered", n)
	}
}

// TestAPackedLogIsRead holds for gzip, also where several were put one behind the other.
func TestAPackedLogIsRead(t *testing.T) {
	var packed bytes.Buffer
	for range 2 {
		w := gzip.NewWriter(&packed)
		if _, err := w.Write([]byte(line("GET", "/a", "curl", 200))); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
	}
	o := options(t, "", rule("closed", `{to: [{operation: {paths: [/a]}}]}`))
	if got := replayed(t, packed.Bytes(), o); got.Changed != 2 {
		t.Errorf("%+v", got)
	}
	if _, err := Run(t.Context(), bytes.NewReader(packed.Bytes()[:packed.Len()-10]), o); err == nil {
		t.Error("a log that is cut off is read as if it were whole")
	}
}

// TestALogOfAnotherConfigurationIsTold holds for answers that the old one does not give.
func TestALogOfAnotherConfigurationIsTold(t *testing.T) {
	denial := rule("closed", `{to: [{operation: {paths: [/a]}}]}`)
	got := replayed(t, []byte(line("GET", "/a", "curl", 200)+line("GET", "/a", "curl", 403)), options(t, denial, denial))
	if got.Unlike.Count != 1 || got.Unlike.Examples[0].Line != 1 {
		t.Errorf("%+v", got.Unlike)
	}
}

// TestAReportControlsNoTerminal holds for what clients wrote into a log.
func TestAReportControlsNoTerminal(t *testing.T) {
	o := options(t, "", "")
	log := `{"method":"GET","path":"/a\u001b[2J\u009b1m","authority":"shop.example","protocol":"HTTP/1.1","response_code":200,"downstream_local_address":"10.0.0.1:8080"}` + "\n"
	got := replayed(t, []byte(log), o)
	var out strings.Builder
	if err := got.WriteText(&out); err != nil {
		t.Fatal(err)
	}
	if text := out.String(); !strings.Contains(text, "shop.example/a?[2J?1m\n") {
		t.Errorf("%q", text)
	}
}

// BenchmarkReplay measures lines of which each is another request, against a hundred policies.
func BenchmarkReplay(b *testing.B) {
	var before, after strings.Builder
	for i := range 100 {
		before.WriteString(rule(fmt.Sprintf("p%d", i), fmt.Sprintf(`{to: [{operation: {paths: [/closed/%d/*], methods: [GET]}}], from: [{source: {remoteIpBlocks: [198.51.100.0/24]}}]}`, i)))
		after.WriteString(rule(fmt.Sprintf("p%d", i), fmt.Sprintf(`{to: [{operation: {paths: [/shut/%d/*], methods: [GET]}}]}`, i)))
	}
	for name, different := range map[string]int{"all-different": 1 << 30, "a-thousand-different": 1000} {
		b.Run(name, func(b *testing.B) {
			o := options(b, before.String(), after.String())
			var log bytes.Buffer
			for i := range b.N {
				log.WriteString(line("GET", fmt.Sprintf("/shut/%d/%d", i%300, i%different), "curl", 200))
			}
			b.ResetTimer()
			report, err := Run(b.Context(), &log, o)
			if err != nil || report.Requests != b.N {
				b.Fatal(err, report.Requests)
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Minutes(), "lines/minute")
		})
	}
}
