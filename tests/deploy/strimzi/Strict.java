// Reads KafkaTopic and KafkaUser documents (YAML, on standard input) by Strimzi's own classes, and says whatever these do not know.

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.dataformat.yaml.YAMLFactory;
import io.strimzi.api.kafka.model.topic.KafkaTopic;
import io.strimzi.api.kafka.model.user.KafkaUser;
import java.beans.Introspector;
import java.beans.PropertyDescriptor;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;

public class Strict {
    public static void main(String[] arguments) throws Exception {
        ObjectMapper yaml = new ObjectMapper(new YAMLFactory());
        List<String> faults = new ArrayList<>();
        int read = 0;
        for (JsonNode node : yaml.readerFor(JsonNode.class).<JsonNode>readValues(System.in).readAll()) {
            String kind = node.path("kind").asText();
            String name = kind + " " + node.path("metadata").path("name").asText();
            try {
                Class<?> type = kind.equals("KafkaTopic") ? KafkaTopic.class : KafkaUser.class;
                Object resource = yaml.convertValue(node, type);
                unknown(((io.fabric8.kubernetes.client.CustomResource<?, ?>) resource).getSpec(), name + ": spec", faults);
                read++;
            } catch (IllegalArgumentException error) {
                faults.add(name + ": " + error.getMessage());
            }
        }
        faults.forEach(System.out::println);
        System.out.println(read + " resources read");
        System.exit(faults.isEmpty() ? 0 : 1);
    }

    private static void unknown(Object value, String path, List<String> faults) throws Exception {
        if (value instanceof Collection<?> items) {
            for (Object item : items) {
                unknown(item, path + "[]", faults);
            }
        }
        if (value == null || value instanceof Enum<?> || !value.getClass().getName().startsWith("io.strimzi.")) {
            return;
        }
        for (PropertyDescriptor property : Introspector.getBeanInfo(value.getClass(), Object.class).getPropertyDescriptors()) {
            if (property.getReadMethod() == null) {
                continue;
            }
            Object held = property.getReadMethod().invoke(value);
            if (property.getName().equals("additionalProperties")) {
                ((Map<?, ?>) held).keySet().forEach(key -> faults.add(path + "." + key + ": unknown"));
            } else {
                unknown(held, path + "." + property.getName(), faults);
            }
        }
    }
}
