package translate_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/portreeve/portreeve/translate"
	"github.com/portreeve/portreeve/translate/diag"
	"github.com/portreeve/portreeve/translate/model"
	"github.com/portreeve/portreeve/translate/resource"
	"github.com/portreeve/portreeve/translate/source"
)

// alertFor writes an AuditAlert.
func alertFor(namespace, name, spec string) string {
	return fmt.Sprintf("---\napiVersion: portreeve.dev/v1alpha1\nkind: AuditAlert\nmetadata: {name: %s, namespace: %s}\nspec: %s\n", name, namespace, spec)
}

const everyEvent = "{events: [{types: ['*']}], webhook: ops}"

func compiledAlerts(settings model.Settings, texts ...string) *translate.Program {
	var files []source.File
	for i, text := range texts {
		files = append(files, source.File{Path: string(rune('a' + i)), Content: []byte(text)})
	}
	return translate.Compile(files, settings)
}

// TestAnAuditAlertSaysWhoIsTold holds what becomes of the objects, and what counts where they do not say it.
func TestAnAuditAlertSaysWhoIsTold(t *testing.T) {
	got, broken, known := compiledAlerts(model.DefaultSettings(), alertFor("istio-system", "all", everyEvent),
		alertFor("team", "own", "{events: [{types: [keys.*], outcomes: [failure], namespaces: [team], objects: [{kind: Gateway, namespace: t*, name: a}]}], webhook: chat, "+
			"groupBy: [subject, type], groupWait: 1s, groupInterval: 60s, rateLimit: {count: 3, period: 120s}}")).Alerts()
	want := []model.AuditAlert{{
		Key: resource.Key{Kind: resource.AuditAlert, Namespace: "istio-system", Name: "all"}, Events: []model.AlertEvents{{Types: []string{"*"}}}, Webhook: "ops",
		GroupWait: 10 * time.Second, GroupInterval: 5 * time.Minute, Rate: 10, Period: time.Hour, Origin: diag.Position{File: "a", Line: 4, Column: 18},
	}, {
		Key: resource.Key{Kind: resource.AuditAlert, Namespace: "team", Name: "own"}, Namespace: "team", Webhook: "chat", GroupBy: []string{"subject", "type"},
		Events:    []model.AlertEvents{{Types: []string{"keys.*"}, Outcomes: []string{"failure"}, Namespaces: []string{"team"}, Objects: []model.AlertObject{{Kind: "Gateway", Namespace: "t*", Name: "a"}}}},
		GroupWait: time.Second, GroupInterval: time.Minute, Rate: 3, Period: 2 * time.Minute, Origin: diag.Position{File: "b", Line: 4, Column: 18},
	}}
	if d := cmp.Diff(want, got); d != "" || !known || len(broken) > 0 {
		t.Errorf("known %v, broken %v (-want +got):\n%s", known, broken, d)
	}
}

// TestABrokenAuditAlertKeepsNoGatewayFromItsPolicy holds that an error in an alert reaches no gateway, whatever is broken
// of it, and that it holds back no other alert of which everything is known.
func TestABrokenAuditAlertKeepsNoGatewayFromItsPolicy(t *testing.T) {
	const good = "istio-system/all"
	for name, c := range map[string]struct {
		beside, broken string
		reaches        bool
		unknown        bool
	}{
		"a spec":                        {alertFor("team", "a", "{}"), "team/a", false, false},
		"a field":                       {alertFor("istio-system", "a", "{event: []}"), "istio-system/a", false, false},
		"a type":                        {alertFor("istio-system", "a", "[]"), "istio-system/a", false, false},
		"another namespace":             {alertFor("team", "a", "{events: [{namespaces: [other]}], webhook: ops}"), "team/a", false, false},
		"the same twice":                {alertFor("team", "a", everyEvent) + alertFor("team", "a", everyEvent), "team/a", false, false},
		"metadata":                      {"apiVersion: portreeve.dev/v1alpha1\nkind: AuditAlert\nmetadata: {nam: a}\nspec: " + everyEvent, "", false, true},
		"a policy of everyone":          {"apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {name: p, namespace: istio-system}\nspec: {actoin: DENY}\n", "", true, false},
		"half a file":                   {"kind: [", "", true, true},
		"a kind that may be an alert's": {"apiVersion: portreeve.dev/v1alpha1\nkind: AuditAlerts\nmetadata: {name: a}\n", "", true, true},
	} {
		t.Run(name, func(t *testing.T) {
			program := compiledAlerts(model.DefaultSettings(), alertFor("istio-system", "all", everyEvent), c.beside)
			if _, refused := program.For(ingress()); (len(refused) > 0) != c.reaches {
				t.Errorf("a gateway is refused: %v", refused)
			}
			alerts, broken, known := program.Alerts()
			var got, left []string
			for _, a := range alerts {
				got = append(got, a.Key.Namespace+"/"+a.Key.Name)
			}
			for _, k := range broken {
				left = append(left, k.Namespace+"/"+k.Name)
			}
			if known == c.unknown || known && !slices.Equal(got, []string{good}) || strings.Join(left, " ") != c.broken {
				t.Errorf("known %v, alerts %v, broken %v; want known %v, broken %q", known, got, left, !c.unknown, c.broken)
			}
		})
	}
}

// TestAGatewayIsServedNothingOfAnAuditAlert holds that what is rendered is the same bytes with alerts and without.
func TestAGatewayIsServedNothingOfAnAuditAlert(t *testing.T) {
	const policy = "apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {name: p, namespace: istio-system}\nspec: {action: DENY, rules: [{}]}\n"
	without, _ := compiledAlerts(model.DefaultSettings(), policy).For(ingress())
	program := compiledAlerts(model.DefaultSettings(), policy, alertFor("istio-system", "all", everyEvent), alertFor("team", "broken", "{}"))
	with, refused := program.For(ingress())
	if d := cmp.Diff(fmt.Sprint(without.Listeners, without.ExtensionConfigs), fmt.Sprint(with.Listeners, with.ExtensionConfigs)); d != "" || len(refused) > 0 {
		t.Errorf("refused %v (-without +with):\n%s", refused, d)
	}
	if len(program.Resources) != 1 || len(program.Objects()) != 2 {
		t.Errorf("there are %d resources for gateways and %d objects, want 1 and 2", len(program.Resources), len(program.Objects()))
	}
}

// TestAWebhookThatThereIsNotIsAnError holds that such an alert is not silently off where the webhooks are known, and that
// nothing is said where they are not.
func TestAWebhookThatThereIsNotIsAnError(t *testing.T) {
	for name, c := range map[string]struct {
		webhooks []string
		hint     string
	}{
		"not known": {nil, ""}, "there": {[]string{"chat", "ops"}, ""}, "none": {[]string{}, "--audit-sinks"}, "others": {[]string{"chat", "pager"}, "one of chat, pager"},
	} {
		settings := model.DefaultSettings()
		settings.Webhooks = c.webhooks
		program := compiledAlerts(settings, alertFor("istio-system", "all", everyEvent))
		alerts, broken, known := program.Alerts()
		switch found := program.Diags; {
		case c.hint == "" && (len(found) > 0 || len(alerts) != 1):
			t.Errorf("%s: %d alerts, %v", name, len(alerts), found)
		case c.hint != "" && (len(found) != 1 || found[0].Code != diag.CodeAlertWebhook || !strings.Contains(found[0].Hint, c.hint) || len(broken) != 1 || len(alerts) > 0 || !known):
			t.Errorf("%s: alerts %v, broken %v, known %v, %v", name, alerts, broken, known, found)
		}
	}
}

// TestThereIsABoundOfAuditAlerts holds that those beyond it are errors of their own and leave the others in force.
func TestThereIsABoundOfAuditAlerts(t *testing.T) {
	text := ""
	for i := range model.MaxAlerts + 2 {
		text += alertFor("istio-system", fmt.Sprintf("a%03d", i), everyEvent)
	}
	program := compiledAlerts(model.DefaultSettings(), text)
	alerts, broken, known := program.Alerts()
	if len(alerts) != model.MaxAlerts || len(broken) != 2 || broken[0].Name != "a100" || !known || len(program.Diags) != 2 || program.Diags[0].Code != diag.CodeAlertMany {
		t.Errorf("%d alerts, broken %v, known %v, found %v", len(alerts), broken, known, program.Diags)
	}
}

// TestNobodySilencesTheAlertsOfOthers holds that those of the root namespace have room before those of others, wherever they are written,
// and that one other namespace does not take it all.
func TestNobodySilencesTheAlertsOfOthers(t *testing.T) {
	text := ""
	for i := range 6 * model.MaxOwnAlerts {
		text += alertFor(fmt.Sprint("team-", i%5), fmt.Sprintf("a%03d", i), everyEvent)
	}
	many := ""
	for i := range model.MaxAlerts {
		many += alertFor("greedy", fmt.Sprintf("a%03d", i), everyEvent)
	}
	for name, c := range map[string]struct {
		texts        []string
		good, broken int
	}{
		"many of one": {[]string{many, alertFor("team", "a", everyEvent), alertFor("istio-system", "z", everyEvent)}, model.MaxOwnAlerts + 2, model.MaxAlerts - model.MaxOwnAlerts},
		"many of all": {[]string{text, alertFor("istio-system", "z", everyEvent)}, model.MaxAlerts, 6*model.MaxOwnAlerts + 1 - model.MaxAlerts},
	} {
		alerts, broken, known := compiledAlerts(model.DefaultSettings(), c.texts...).Alerts()
		ops := slices.ContainsFunc(alerts, func(a model.AuditAlert) bool { return a.Key.Namespace == "istio-system" })
		if len(alerts) != c.good || len(broken) != c.broken || !known || !ops {
			t.Errorf("%s: %d alerts, %d broken, known %v, that of the root namespace %v", name, len(alerts), len(broken), known, ops)
		}
	}
}

// TestTheRootNamespaceIsThatOfTheMesh holds whose alerts see all namespaces, and that with a broken mesh configuration
// nobody's do.
func TestTheRootNamespaceIsThatOfTheMesh(t *testing.T) {
	settings := model.DefaultSettings()
	settings.MeshFile = "mesh"
	files := []source.File{{Path: "a", Content: []byte(alertFor("istio-system", "a", everyEvent) + alertFor("head", "b", everyEvent))}, {Path: "mesh", Content: []byte("rootNamespace: head\n")}}
	alerts, _, known := translate.Compile(files, settings).Alerts()
	if len(alerts) != 2 || !known || alerts[0].Namespace != "istio-system" || alerts[1].Namespace != "" {
		t.Errorf("known %v: %+v", known, alerts)
	}
	files[1].Content = []byte("rootNamespace: [")
	if alerts, _, known := translate.Compile(files, settings).Alerts(); known || len(alerts) > 0 {
		t.Errorf("with a broken mesh configuration known %v, %v", known, alerts)
	}
}
