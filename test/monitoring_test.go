package test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/portreeve/portreeve/internal/envoytest"
)

// monitoringFolder has what is shipped for Prometheus and Grafana.
const monitoringFolder = "../examples/monitoring"

// prometheusTools is the folder with prometheus and promtool. Where there is none the test is skipped, as it is without an Envoy.
func prometheusTools(t *testing.T) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "sh", "../tools/prometheus.sh").Output()
	switch {
	case err == nil:
		return strings.TrimSpace(string(out))
	case os.Getenv("CI") == "true" || os.Getenv("PORTREEVE_REQUIRE_ENVOY") == "1":
		t.Fatalf("no Prometheus: %v", err)
	default:
		t.Skipf("SKIPPED, NOT PASSED: no Prometheus: %v", err)
	}
	return ""
}

// TestTheRulesForPrometheusHold has promtool judge the files of the example: each alert fires in its rule test, and for nothing
// else.
func TestTheRulesForPrometheusHold(t *testing.T) {
	promtool := filepath.Join(prometheusTools(t), "promtool")
	for _, args := range [][]string{{"check", "config", "--syntax-only", "prometheus.yml", "prometheus-tls.yml"}, {"check", "rules", "rules.yml"}, {"test", "rules", "rules_test.yml"}} {
		c := exec.CommandContext(t.Context(), promtool, args...)
		c.Dir = monitoringFolder
		if out, err := c.CombinedOutput(); err != nil {
			t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
	rules, tests := readFile(t, filepath.Join(monitoringFolder, "rules.yml")), readFile(t, filepath.Join(monitoringFolder, "rules_test.yml"))
	for _, alert := range regexp.MustCompile(`- alert: (\w+)`).FindAllStringSubmatch(rules, -1) {
		if !strings.Contains(tests, "alertname: "+alert[1]+"\n") {
			t.Errorf("%s has no rule test", alert[1])
		}
		if !strings.Contains(rules, "#"+strings.ToLower(alert[1])+"\n") {
			t.Errorf("%s leads to no entry of the runbook", alert[1])
		}
	}
}

// dashboardPanel is as much of a panel of Grafana as is tested.
type dashboardPanel struct {
	ID          int
	Title, Type string
	Description string
	Targets     []struct{ Expr string }
	FieldConfig struct{ Defaults struct{ Unit string } }
}

// panels reads the dashboard. Panels that have no query are left out.
func panels(t *testing.T) []dashboardPanel {
	t.Helper()
	var dashboard struct{ Panels []dashboardPanel }
	must(t, json.Unmarshal([]byte(readFile(t, filepath.Join(monitoringFolder, "dashboard.json"))), &dashboard))
	var out []dashboardPanel
	seen := map[int]bool{}
	for _, p := range dashboard.Panels {
		if seen[p.ID] {
			t.Errorf("two panels have the id %d", p.ID)
		}
		if seen[p.ID] = true; p.Type == "row" {
			continue
		}
		if p.FieldConfig.Defaults.Unit == "" || len(p.Targets) == 0 {
			t.Errorf("the panel %q has no unit, or no query", p.Title)
		}
		out = append(out, p)
	}
	return out
}

// rightlyEmpty reports whether a query has no data where all is well, in plain text and without such policy; its panel says so.
func (p dashboardPanel) rightlyEmpty(query string) bool {
	return strings.Contains(p.Description, "Empty where") &&
		regexp.MustCompile(`ALERTS|portreeve_xds_gateway_refused|portreeve_xds_(gateway_)?certificate_expiry|dry_run_allow`).MatchString(query)
}

// monitored is a Prometheus that scrapes a control plane and its gateway as the example says, more often.
type monitored struct {
	*countedWorld
	address string
}

func openMonitored(t *testing.T) *monitored {
	t.Helper()
	tools := prometheusTools(t)
	keys := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { http.ServeFile(w, r, "testdata/jwks.json") }))
	t.Cleanup(keys.Close)
	m := &monitored{address: address(t), countedWorld: openCountedWorld(t, "zqmon", "--audit-log", filepath.Join(t.TempDir(), "audit.log"), "--state-dir", t.TempDir())}
	write(t, filepath.Join(m.dir, "keys.yaml"), fmt.Sprintf("apiVersion: security.istio.io/v1\nkind: RequestAuthentication\nmetadata: {name: fetched, namespace: istio-system}\nspec: {jwtRules: [{issuer: fetched, jwksUri: %q}]}\n", keys.URL))
	folder := t.TempDir()
	config := strings.NewReplacer("127.0.0.1:18001", m.plane.admin, "127.0.0.1:19000", m.gateway.Admin(), "15s", "200ms").Replace(readFile(t, filepath.Join(monitoringFolder, "prometheus.yml")))
	write(t, filepath.Join(folder, "prometheus.yml"), config)
	write(t, filepath.Join(folder, "rules.yml"), readFile(t, filepath.Join(monitoringFolder, "rules.yml")))
	c := exec.CommandContext(context.Background(), filepath.Join(tools, "prometheus"), "--config.file", filepath.Join(folder, "prometheus.yml"), //nolint:gosec // the tool that is pinned
		"--storage.tsdb.path", filepath.Join(folder, "data"), "--web.listen-address", m.address, "--log.level", "warn")
	c.SysProcAttr = diesWithTests()
	log := logFile(filepath.Join(folder, "log"))
	running := startProcess(t, c, log)
	t.Cleanup(func() {
		running.stop()
		if t.Failed() {
			t.Logf("Prometheus says:\n%s", log)
		}
	})
	return m
}

// ask asks Prometheus, and returns what it answers.
func (m *monitored) ask(path string, into any) error {
	response, err := http.Get("http://" + m.address + path) //nolint:noctx // bounded by the test
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", path, response.Status)
	}
	return json.NewDecoder(response.Body).Decode(into)
}

// answers reports whether a query has data: a number at least.
func (m *monitored) answers(query string) bool {
	var got struct {
		Data struct{ Result []struct{ Value [2]any } }
	}
	if err := m.ask("/api/v1/query?query="+url.QueryEscape(query), &got); err != nil {
		return false
	}
	for _, r := range got.Data.Result {
		if r.Value[1] != "NaN" {
			return true
		}
	}
	return false
}

// wanted are the queries that have to have data, each with where it stands: those of the dashboard, with what stands for its variables, and the
// recording rules.
func (m *monitored) wanted(t *testing.T) map[string]string {
	t.Helper()
	variables := strings.NewReplacer("$plane", "portreeve", "$instance", ".*", "$gateway", "envoy", "$__rate_interval", "4s")
	out := map[string]string{}
	for _, p := range panels(t) {
		for _, target := range p.Targets {
			if !p.rightlyEmpty(target.Expr) {
				out[variables.Replace(target.Expr)] = p.Title
			}
		}
	}
	for _, rule := range regexp.MustCompile(`- record: (\S+)`).FindAllStringSubmatch(readFile(t, filepath.Join(monitoringFolder, "rules.yml")), -1) {
		out[rule[1]] = "recording rule"
	}
	return out
}

// monitoredFor is how long a gateway and a control plane are scraped at least.
func monitoredFor() time.Duration {
	if os.Getenv("PORTREEVE_SOAK") == "1" {
		return time.Minute
	}
	return 0
}

// TestTheDashboardHasData has a real Prometheus scrape a control plane and a gateway under load and edits: every query of the
// dashboard and every recording rule has data, no rule fails, and no alert fires.
func TestTheDashboardHasData(t *testing.T) {
	envoytest.Require(t)
	m := openMonitored(t)
	missing, began := m.wanted(t), time.Now()
	for edit := 0; len(missing) > 0 || time.Since(began) < monitoredFor(); edit++ {
		if time.Since(began) > monitoredFor()+3*bound {
			t.Fatalf("no data of %v", missing)
		}
		m.use(t)
		replace(t, filepath.Join(m.dir, "edit.yaml"), fmt.Sprintf(morePolicy, edit))
		for query := range missing {
			if m.answers(query) {
				delete(missing, query)
			}
		}
	}
	m.rulesHold(t)
	m.metricsExist(t)
}

// morePolicy is a policy of a number.
const morePolicy = "---\napiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {name: more-%[1]d, namespace: istio-system}\n" +
	"spec: {action: DENY, rules: [{to: [{operation: {paths: [\"/more-%[1]d\"]}}]}]}\n"

// rulesHold holds that each rule can be evaluated, and that of what is well no alert speaks.
func (m *monitored) rulesHold(t *testing.T) {
	t.Helper()
	var rules struct {
		Data struct {
			Groups []struct {
				Rules []struct{ Name, Health, LastError, State string }
			}
		}
	}
	must(t, m.ask("/api/v1/rules", &rules))
	count := 0
	for _, g := range rules.Data.Groups {
		for _, r := range g.Rules {
			count++
			// The certificate of this test ends within the hour, and a machine that is busy may answer too late for an interval that short.
			expected := r.Name == "PortreeveCertificateExpiring" || r.Name == "PortreeveDown"
			if r.Health != "ok" || r.State == "firing" || r.State == "pending" && !expected {
				t.Errorf("%s: %s, %s %s", r.Name, r.Health, r.State, r.LastError)
			}
		}
	}
	if count == 0 {
		t.Error("there is no rule")
	}
}

// metricsExist holds that the metrics of the control plane in all queries and rules are such as docs/metrics.md has, also where there is nothing
// to count.
func (m *monitored) metricsExist(t *testing.T) {
	t.Helper()
	known := readFile(t, "../docs/metrics.md")
	text := readFile(t, filepath.Join(monitoringFolder, "rules.yml"))
	for _, p := range panels(t) {
		for _, target := range p.Targets {
			text += "\n" + target.Expr
		}
	}
	for _, name := range regexp.MustCompile(`\bportreeve_[a-z0-9_]+\b`).FindAllString(text, -1) {
		if base := regexp.MustCompile(`_(bucket|sum|count)$`).ReplaceAllString(name, ""); !strings.Contains(known, "`"+name+"`") && !strings.Contains(known, "`"+base+"`") {
			t.Errorf("docs/metrics.md has no %s", name)
		}
	}
}
