package resource

import "strings"

// refusal says of a field that stays refused why it is, and what to do instead. Of a field
// that it does not know, as one that a newer API adds, it says that it is not translated.
func refusal(name string) (why, instead string) {
	switch name[strings.LastIndexByte(name, '.')+1:] {
	case "zoneAwareLbSetting":
		return "is refused: it compares the zones of the gateways with those of the endpoints, and Envoy is told nothing here of the other gateways",
			"localityLbSetting: with outlierDetection the nearest endpoints come first, or distribute says the shares"
	case "discoverySelectors":
		return "is refused: it selects namespaces by their labels, and there are no objects of namespaces here",
			"leave out of the directories what shall not count"
	case "serviceEntryVisibility":
		return "is refused: it is about who may see a ServiceEntry, and only exportTo counts here",
			"exportTo in the ServiceEntries, or defaultServiceExportTo"
	case "tlsDefaults":
		return "is refused: it would have to hold for every server and every backend, and is not applied here",
			"tls.minProtocolVersion and tls.cipherSuites in the servers of Gateways"
	case "connectionSettings":
		return "is refused: it would bound the connections of clients, and is not applied here", "leave it out"
	case "preserveHttp1HeaderCase":
		return "is refused: names of headers are written in lower case here, as HTTP/2 demands", "leave it out"
	case "setCurrentClientCertDetails":
		return "is refused: backends are told of all parts of a client's certificate but its chain", "leave it out"
	default:
		return "is not translated yet", "leave it out"
	}
}
