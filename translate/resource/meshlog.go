package resource

import (
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/structpb"
	meshv1alpha1 "istio.io/api/mesh/v1alpha1"

	"github.com/portreeve/portreeve/translate/diag"
)

// accessLog checks what is said of the access log.
func (c meshChecker) accessLog(config *meshv1alpha1.MeshConfig) {
	if config.GetAccessLogFile() == "" {
		for _, name := range []string{"accessLogFormat", "accessLogEncoding"} {
			if c.written(Path{name}) {
				c.addKey(diag.CodeIgnoredField, Path{name}, "%s has no effect without accessLogFile", name).WithHint("accessLogFile: /dev/stdout, or take it out")
			}
		}
	}
	format, path := config.GetAccessLogFormat(), Path{"accessLogFormat"}
	if format == "" || config.GetAccessLogEncoding() != meshv1alpha1.MeshConfig_JSON {
		logFormatChecker(c).logText(path, format)
		return
	}
	object := &structpb.Struct{}
	if err := protojson.Unmarshal([]byte(format), object); err != nil {
		c.add(diag.CodeMeshLogFormat, path, "with accessLogEncoding JSON the format has to be a JSON object, and it is not").
			WithHint(`for example '{"status": "%%RESPONSE_CODE%%"}'; or accessLogEncoding: TEXT`)
		return
	}
	logFormatChecker(c).logValue(path, structpb.NewStructValue(object))
}
