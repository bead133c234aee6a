package resource

import (
	"math"

	networkingv1alpha3 "istio.io/api/networking/v1alpha3"

	"github.com/portreeve/portreeve/translate/diag"
)

func (c valueChecker) portNumber(path Path, n uint32) {
	if n == 0 || n > 65535 {
		c.add(diag.CodePort, path, "%d is not a port", n).WithHint("1 to 65535")
	}
}

func (c valueChecker) notNegative(path Path, n int32) {
	if n < 0 {
		c.add(diag.CodeDestinationRule, path, "%s is %d, which is negative", path, n).WithHint("a number from 1 on, or leave it out for no limit")
	}
}

func (c valueChecker) percent(path Path, n float64) {
	if n < 0 || n > 100 {
		c.add(diag.CodeDestinationRule, path, "%s is %v, which is not a percentage", path, n).WithHint("0 to 100")
	}
}

// percentage checks a share of requests. Envoy counts in millionths.
func (c valueChecker) percentage(reason diag.Code, path Path, p *networkingv1alpha3.Percent) {
	if v := p.GetValue(); math.IsNaN(v) || v < 0 || v > 100 || v > 0 && v < 0.0001 {
		c.add(reason, path.Field("value"), "%v is not a percentage", v).WithHint("0, or 0.0001 to 100")
	}
}
