// Runs one npm engine over the bundles: node measure.mjs cql|fhirpath BUNDLES.ndjson BORN_BY CQL_FILE
// Prints {version, patients, parse_seconds, seconds, eligible: [patient id]}; parsing is timed apart from screening.
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";
import { join } from "node:path";

const require = createRequire(join(process.cwd(), "package.json"));
const [engine, bundles, bornBy, cqlFile] = process.argv.slice(2);
// CPU time: what else the machine does at the same time must not count.
const now = () => { const used = process.cpuUsage(); return (used.user + used.system) / 1000; };
const parse = () => readFileSync(bundles, "utf8").split("\n").filter(Boolean).map((line) => JSON.parse(line));
const version = (name) => JSON.parse(readFileSync(join("node_modules", name, "package.json"), "utf8")).version;

async function cql() {
  const { CqlTranslator, LibraryManager, ModelManager, createModelInfoProvider, stringAsSource } = await import(
    join(process.cwd(), "node_modules/@cqframework/cql/cql-to-elm.mjs")
  );
  const { SystemModelInfoProvider } = await import(join(process.cwd(), "node_modules/@cqframework/cql/cql.mjs"));
  const { Library, Executor, Repository, DateTime } = require("cql-execution");
  const { PatientSource } = require("cql-exec-fhir");
  const info = readFileSync("node_modules/cql-exec-fhir/lib/modelInfos/fhir-modelinfo-4.0.1.xml", "utf8");
  const models = new ModelManager();
  models.modelInfoLoader.registerModelInfoProvider(new SystemModelInfoProvider());
  models.modelInfoLoader.registerModelInfoProvider(
    createModelInfoProvider((id) => (id === "FHIR" ? stringAsSource(info) : null)),
  );
  const translated = CqlTranslator.fromText(readFileSync(cqlFile, "utf8"), new LibraryManager(models));
  const elm = JSON.parse(translated.toJson());
  const faults = (elm.library.annotation ?? []).filter((a) => a.errorSeverity === "error");
  if (faults.length) throw new Error(JSON.stringify(faults));
  const library = new Library(elm, new Repository([]));
  const started = now();
  const parsed = parse();
  const source = PatientSource.FHIRv401();
  source.loadBundles(parsed);
  const ready = now();
  const executor = new Executor(library, undefined, { "Adult if born by": DateTime.parse(bornBy).getDate() });
  const result = await executor.exec_expression("Eligible", source);
  const done = now();
  const eligible = Object.entries(result.patientResults).filter(([, r]) => r.Eligible === true).map(([id]) => id);
  return { version: version("cql-execution"), patients: parsed.length, started, ready, done, eligible };
}

function fhirpathEngine() {
  const fhirpath = require("fhirpath");
  const at = "$this.effectiveDateTime";
  const last = (code) =>
    `entry.resource.where(resourceType = 'Observation' and (status = 'final' or status = 'amended' or status = 'corrected')` +
    ` and code.coding.where(system = 'http://loinc.org' and code = '${code}').exists())`;
  const newest = `aggregate(iif($total.empty() or ${at} > $total, ${at}, $total), {})`;
  const fits = (code, bound) =>
    fhirpath.compile(
      `${last(code)}.exists() and ${last(code)}.where(effectiveDateTime = %bundle.${last(code)}.${newest})` +
        `.where(valueQuantity.value > ${bound}).empty()`,
    );
  const diagnosed = (code) =>
    fhirpath.compile(
      `entry.resource.where(resourceType = 'Condition' and code.coding.where(` +
        `system = 'http://hl7.org/fhir/sid/icd-10-cm' and code = '${code}').exists()).exists()`,
    );
  const adult = fhirpath.compile(`entry.resource.where(resourceType = 'Patient').birthDate <= '${bornBy}'`);
  const hypertension = diagnosed("I10");
  const kidney = diagnosed("N18.9");
  const creatinine = fits("2160-0", "1.5");
  const alt = fits("1742-6", "200");
  const id = fhirpath.compile("entry.resource.where(resourceType = 'Patient').id");
  const started = now();
  const parsed = parse();
  const ready = now();
  const eligible = [];
  for (const bundle of parsed) {
    const given = { bundle };
    const holds = (expression) => expression(bundle, given)[0] === true;
    if (holds(adult) && holds(hypertension) && !holds(kidney) && holds(creatinine) && holds(alt)) {
      eligible.push(id(bundle)[0]);
    }
  }
  const done = now();
  return { version: version("fhirpath"), patients: parsed.length, started, ready, done, eligible };
}

const { started, ready, done, ...found } = await (engine === "cql" ? cql() : fhirpathEngine());
const seconds = { parse_seconds: (ready - started) / 1000, seconds: (done - ready) / 1000 };
process.stdout.write(JSON.stringify({ ...found, ...seconds }) + "\n");
