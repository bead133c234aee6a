package envoy

import (
	"testing"

	"github.com/portreeve/portreeve/translate/model"
)

// TestNoServerCountsAsTheAdminInterface holds under which name servers count, and that none takes that of Envoy's admin interface: its
// refusals would be in no panel of a dashboard.
func TestNoServerCountsAsTheAdminInterface(t *testing.T) {
	for name, want := range map[string]string{"": "outbound_0.0.0.0_8443", "shop.example": "shop_example", "admin": "outbound_0.0.0.0_8443"} {
		p := model.Port{Server: &model.ServerName{Name: name}}
		if got := statPrefix(p, "0.0.0.0_8443"); got != want {
			t.Errorf("a server %q counts as %q, want %q", name, got, want)
		}
	}
}
